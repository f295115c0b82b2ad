// What `zerodown run` refuses before it starts anything: one line on stderr, exit status 64 (usage) or what sysexits.h
// has for it.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(() => directory.remove());

const CHILD = ["--", "echo", "started"];
const socket = `@zerodown-run-errors-${process.pid}`;

test.each([
  [["--settle", "x", ...CHILD], 64, /^--settle: "x" is no time span/],
  [["--stop-timeout", "x\ny", ...CHILD], 64, /^--stop-timeout: "x y" is no time span/],
  [[], 64, /^no command/],
  [
    ["--listen", `web=${socket}`, "--listen", `web=${socket}2`, ...CHILD],
    64,
    `--listen web=${socket}2: there is a socket named "web" already`,
  ],
  [["--reload-signal", "TERM", ...CHILD], 64, /^SIGTERM has two meanings/],
  [["--pass-signal", "HUP", ...CHILD], 64, /^SIGHUP has two meanings/],
  [["--working-directory", `${directory.path}/none`, ...CHILD], 64, /^--working-directory: ENOENT: .*\/none'$/],
  [["--working-directory", ZERODOWN, ...CHILD], 64, `--working-directory: "${ZERODOWN}" is no directory`],
  [["--listen", "192.0.2.1:9", ...CHILD], 71, /^--listen 192\.0\.2\.1:9: EADDRNOTAVAIL: /],
  [["--listen", `${directory.path}/none/a.sock`, ...CHILD], 71, /^--listen .*none\/a\.sock: ENOENT: /],
  [["--listen", `@${"x".repeat(200)}`, ...CHILD], 71, /^--listen @x+: ENAMETOOLONG: /],
])("%j: exit status %d", (args, expected, line) => {
  const { status, stdout, stderr } = spawnSync(ZERODOWN, ["run", ...args], { encoding: "utf8" });
  const [first, ...rest] = stderr.split("\n");
  expect(first!.replace(/^zerodown: /, "")).toEqual(typeof line === "string" ? line : expect.stringMatching(line));
  expect(rest).toEqual([""]);
  expect(status).toBe(expected);
  expect(stdout).toBe("");
});

test("what has the runtime directory's name and isn't ours is left alone: exit status 73", () => {
  const victim = `${directory.path}/victim`;
  mkdirSync(victim);
  writeFileSync(`${victim}/precious`, "");
  const script = 'ln -s "$1" "$XDG_RUNTIME_DIR/zerodown-$$"; exec "$2" run -- echo started';
  const env = { ...process.env, RUNTIME_DIRECTORY: "", XDG_RUNTIME_DIR: directory.path };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", victim, ZERODOWN], { encoding: "utf8", env });
  expect(readdirSync(victim)).toEqual(["precious"]);
  expect(stderr).toMatch(/^zerodown: .*\/zerodown-\d+ is in the way, and no directory of this user's: remove it\n$/);
  expect({ status, stdout }).toEqual({ status: 73, stdout: "" });
});

test("zerodown alone, or with a command that there is not, says which there are", () => {
  for (const args of [[], ["start"]]) {
    const { status, stderr } = spawnSync(ZERODOWN, args, { encoding: "utf8" });
    expect(stderr).toMatch(/^zerodown: (no command|unknown command "start"): run.*\. See zerodown --help\n$/);
    expect(status).toBe(64);
  }
});

test("--help and --version answer on stdout", () => {
  for (const [args, text] of [
    [["--help"], /^Usage: zerodown COMMAND/],
    [["run", "--help"], /^Usage: zerodown run /],
    [["--version"], /^zerodown \d+\.\d+\.\d+\n$/],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(ZERODOWN, args, { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(text);
  }
});
