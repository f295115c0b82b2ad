// What `zerodown unit` refuses: one line on stderr, exit status 64, nothing on stdout.

import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { ZERODOWN } from "../../support/supervisor.js";

const LISTEN = ["--listen", "80"];
const APP = ["--", "app"];

test.each([
  [[], "no name: zerodown unit NAME -- COMMAND"],
  [[...LISTEN, "a"], /^no command: /],
  [[...LISTEN, ...APP], "no name: zerodown unit NAME -- COMMAND"],
  [[...LISTEN, "a", "b", ...APP], /^"b" is not expected: the command comes after --/],
  [["a", ...APP], /^no socket: --listen says where/],
  [[...LISTEN, "a.socket", ...APP], '"a.socket" is no name of a service'],
  [[...LISTEN, "a@", ...APP], /^"a@" is no name for a unit/],
  [[...LISTEN, "../a", ...APP], /^"..\/a" is no name for a unit/],
  [[...LISTEN, "a\nb", ...APP], /^"a b" is no name for a unit/],
  [[...LISTEN, "", ...APP], /^"" is no name for a unit/],
  [
    [...LISTEN, "n".repeat(72), ...APP],
    /^"n{72}" is too long a name: paths of .* up to 108 bytes in \/run\/n+, and Linux takes 107$/,
  ],
  [
    [...LISTEN, "--user", "n".repeat(56), ...APP],
    /^"n{56}" is too long a name: paths of .* up to 108 bytes in \/run\/user\/\d{10}\/n+, /,
  ],
  [["--listen", "x", "a", ...APP], /^--listen: "x" is no address/],
  [["--listen", "0", "a", ...APP], "--listen: a unit needs a port, not 0"],
  [
    ["--listen-datagram", `/${"x".repeat(107)}`, "a", ...APP],
    /^--listen-datagram: "\/x+" is longer than the 107 bytes/,
  ],
  [["--listen", "/run/a\nb", "a", ...APP], /^"\/run\/a\\nb" has blanks at an end/],
  [["--listen", "a=80", "--listen", "b=81", "a", ...APP], /^--listen: all sockets .* not a and b$/],
  [["--listen", "a=80", "--listen", "81", "a", ...APP], /not a and none$/],
  [[...LISTEN, "--start-timeout", "x", "a", ...APP], /^--start-timeout: "x" is no time span/],
  [[...LISTEN, "--settle", "infinity", "a", ...APP], /^--settle: with infinity/],
  [[...LISTEN, "--env-file", "env", "a", ...APP], '--env-file: "env" is no absolute path'],
  [[...LISTEN, "--working-directory", ".", "a", ...APP], '--working-directory: "." is no absolute path'],
  [[...LISTEN, "a", "--", "./x"], 'the command "./x" is no absolute path, and there is no --working-directory'],
  [[...LISTEN, "a", "--", "bin/x"], 'the command "bin/x" is no absolute path, and there is no --working-directory'],
  [[...LISTEN, "--zerodown", "zerodown", "a", ...APP], '--zerodown: "zerodown" is no absolute path'],
  [[...LISTEN, "--zerodown", '/a"b', "a", ...APP], /can't be the path of a unit's command$/],
  [[...LISTEN, "--run-as", "a b", "a", ...APP], '--run-as: "a b" is no name of a user'],
  [[...LISTEN, "--run-as", "a", "--user", "a", ...APP], /^--run-as: a user's manager/],
  [[...LISTEN, "--user", "--system", "a", ...APP], "give one of --user and --system"],
  [[...LISTEN, "--pid", "1", "a", ...APP], "unknown option '--pid'; see zerodown unit --help"],
  [[...LISTEN, "a", "--", "app", "\uffff"], /has characters that no unit file can hold$/],
])("%j", (args, line) => {
  const { status, stdout, stderr } = spawnSync(ZERODOWN, ["unit", ...args], { encoding: "utf8" });
  expect(stderr).toMatch(/^zerodown: .*\n$/);
  expect(stderr.slice("zerodown: ".length, -1)).toEqual(typeof line === "string" ? line : expect.stringMatching(line));
  expect([status, stdout]).toEqual([64, ""]);
});

test("options of run are passed on as they were given, and those of unit are not", () => {
  const options = ["--ready", "delay:1min 5s", "--stop-signal=TERM", "--env-file", "/etc/app.env", "--settle", "2"];
  const args = [
    ...LISTEN,
    ...options,
    "--run-as",
    "www",
    "--zerodown",
    "/opt/z",
    "app.service",
    "--",
    "a",
    "--listen",
    "$X",
  ];
  const { stdout } = spawnSync(ZERODOWN, ["unit", ...args], { encoding: "utf8" });
  expect(stdout.split("\n").filter(line => /^(ExecStart|ExecReload|User|RestartSec|Timeout\w+)=/.test(line))).toEqual([
    'ExecStart=/opt/z run --ready "delay:1min 5s" --stop-signal TERM --env-file /etc/app.env --settle 2 -- a --listen $$X',
    "ExecReload=/opt/z reload",
    "RestartSec=3",
    "TimeoutStartSec=1min 17s",
    "TimeoutStopSec=1min 40s",
    "User=www",
  ]);
});

test("a command may be relative to --working-directory", () => {
  const args = [...LISTEN, "--working-directory", "/srv/app/current", "a", "--", "./x"];
  const { status, stdout } = spawnSync(ZERODOWN, ["unit", ...args], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ExecStart=\S+ run --working-directory \/srv\/app\/current -- \.\/x$/m);
});

test("without limits of zerodown's own the unit has none", () => {
  const args = [...LISTEN, "--start-timeout=infinity", "--stop-timeout=infinity", "a", ...APP];
  expect(spawnSync(ZERODOWN, ["unit", ...args], { encoding: "utf8" }).stdout).toMatch(
    /^TimeoutStartSec=infinity\nTimeoutStopSec=infinity$/m,
  );
});
