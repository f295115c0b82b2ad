// What `zerodown run` refuses before it starts anything: one line on stderr, exit status 64 (usage) or what sysexits.h
// has for it.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { longestSocketPath } from "../../../src/systemd/as-service/runtime-directory.js";
import { temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";

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

test("where every place for the sockets has too long a path, none is made: exit status 73", () => {
  const place = `${directory.path}/${"x".repeat(100)}`;
  mkdirSync(place);
  const env = { ...process.env, RUNTIME_DIRECTORY: place, XDG_RUNTIME_DIR: place, TMPDIR: place };
  // /run is writable to root alone.
  const asUser = process.getuid!() === 0 ? { uid: 65534, gid: 65534 } : {};
  chmodSync(directory.path, 0o755);
  chmodSync(place, 0o777);
  cpSync(dirname(ZERODOWN), `${directory.path}/dist`, { recursive: true });
  const command = ["run", "--", "echo", "started"];
  const options = { encoding: "utf8", env, ...asUser } as const;
  const { status, stdout, stderr } = spawnSync(`${directory.path}/dist/zerodown.cjs`, command, options);
  const bytes = longestSocketPath(place);
  expect(stderr).toMatch(
    new RegExp(
      `^zerodown: paths of zerodown's sockets would have up to (${bytes} bytes in ${place}, ){2}${bytes} bytes in ${place}, ` +
        "and Linux takes 107: set a shorter RuntimeDirectory= in the unit\\n$",
    ),
  );
  expect({ status, stdout, made: readdirSync(place) }).toEqual({ status: 73, stdout: "", made: [] });
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
