// `zerodown run` refuses these before it starts anything: one line on stderr, exit status 64 (usage) or what sysexits.h
// has for it.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { longestSocketPath } from "../../../src/systemd/as-service/runtime-directory.js";
import { loopback } from "../../support/http-load.js";
import { temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(() => directory.remove());

const CHILD = ["--", "echo", "started"];
const { host, port } = loopback();
const address = `${host}:${port}`;
const QUEUES = Array.from({ length: 3 }, () => ["--listen", `web=${address}`]).flat();
const socket = `@zerodown-run-errors-${process.pid}`;
const NAMED_PROBE = '--probe: a socket of the service is named "probe", as that of the probes is: give it another name';

test.each([
  [["--settle", "x", ...CHILD], 64, /^--settle: "x" isn't a time span/],
  [["--stop-timeout", "x\ny", ...CHILD], 64, /^--stop-timeout: "x y" isn't a time span/],
  [[], 64, /^no command/],
  [
    ["--listen", `web=${socket}`, "--listen", `web=${socket}2`, ...CHILD],
    64,
    `--listen web=${socket}2: there is a socket named "web" already`,
  ],
  [
    [...QUEUES, "--workers", "2", ...CHILD],
    78,
    `--workers 2: web (stream ${address}) has 3 accept queues, and each takes a worker: give --workers 3 or more, or fewer queues`,
  ],
  [["--listen", address, "--listen", `a=${address}`, ...CHILD], 71, new RegExp(`^--listen ${address}: EADDRINUSE: `)],
  [["--probe", "true", "--listen", `probe=${socket}`, ...CHILD], 64, NAMED_PROBE],
  [["--fd-map", "web", ...CHILD], 64, '--fd-map: "web" is not the name of a socket and a number, as in web=0'],
  [["--fd-map", "web=-1", ...CHILD], 64, '--fd-map: "web=-1" is not the name of a socket and a number, as in web=0'],
  [["--fd-map", "=0", ...CHILD], 64, '--fd-map: "=0" is not the name of a socket and a number, as in web=0'],
  [["--fd-map", "2", ...CHILD], 64, "--fd-map: descriptor 2 is where the app writes to"],
  [["--fd-map", "web=1024", ...CHILD], 64, "--fd-map: 1024 is beyond 1023, the last that select(2) knows"],
  [["--fd-map", "web=0", "--fd-map", "api=0", ...CHILD], 64, "--fd-map: descriptor 0 is there twice"],
  [
    ["--listen", socket, "--probe", "true", "--fdstore-max", "2", "--ready", "fd", "--fd-map", "7", ...CHILD],
    64,
    "--fd-map: the descriptors 3 to 7 are those of LISTEN_FDS and the like: 7 is among them",
  ],
  [["--reload-signal", "TERM", ...CHILD], 64, /^SIGTERM has two meanings/],
  [["--pass-signal", "HUP", ...CHILD], 64, /^SIGHUP has two meanings/],
  [["--working-directory", `${directory.path}/none`, ...CHILD], 64, /^--working-directory: ENOENT: .*\/none'$/],
  [["--working-directory", ZERODOWN, ...CHILD], 64, `--working-directory: "${ZERODOWN}" isn't a directory`],
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

test("a passed socket that has the name of the socket of the probes is refused with --probe", () => {
  const passing = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=probe exec "$0" "$@" 3</dev/null';
  const args = ["-c", passing, ZERODOWN, "run", "--probe", "true", ...CHILD];
  const { status, stdout, stderr } = spawnSync("sh", args, { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 64, stdout: "", stderr: `zerodown: ${NAMED_PROBE}\n` });
});

test("--fd-map neither takes the number of what was stored before, nor one that can't be open", () => {
  const stored = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=zd-a:zd-b exec "$0" "$@" 3</dev/null 4</etc/passwd';
  const limited = 'ulimit -n 512; exec "$0" "$@"';
  const refused = (script: string, number: string) => {
    const args = [
      "-c",
      script,
      ZERODOWN,
      "run",
      "--listen",
      socket,
      "--fdstore-max",
      "1",
      "--fd-map",
      number,
      ...CHILD,
    ];
    return spawnSync("sh", args, { encoding: "utf8", timeout: 20_000 });
  };
  expect(refused(stored, "5")).toMatchObject({
    status: 64,
    stderr: "zerodown: --fd-map: the descriptors 3 to 5 are those of LISTEN_FDS and the like: 5 is among them\n",
  });
  expect(refused(limited, "512")).toMatchObject({
    status: 64,
    stderr: "zerodown: --fd-map: 512 is beyond 511, the last that may be open (LimitNOFILE=)\n",
  });
});

test.each([
  ["999", /EBADF/],
  ["0", /Unexpected end of JSON input/],
  ["", /Unexpected end of JSON input/],
  ["x", /out of range/],
  ["4", /it has format undefined, and only 1 is understood/],
])("ZERODOWN_ADOPT=%j in the environment, which a unit may have: one line says so, exit status 78", (value, why) => {
  writeFileSync(`${directory.path}/object`, "{}");
  const script = `exec "$0" "$@" 4<${directory.path}/object`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, ZERODOWN, "run", ...CHILD], {
    encoding: "utf8",
    env: { ...process.env, ZERODOWN_ADOPT: value },
  });
  expect({ status, stdout }).toEqual({ status: 78, stdout: "" });
  expect(stderr).toMatch(
    new RegExp(
      `^zerodown: ZERODOWN_ADOPT=${value} names no descriptor of what a supervisor hands over \\(.*\\): ` +
        "only a supervisor that replaces itself sets this variable, so take it out of the unit\n$",
    ),
  );
  expect(stderr).toMatch(why);
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
