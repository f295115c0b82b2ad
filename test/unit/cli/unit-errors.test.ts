// `zerodown unit` refuses these: one line on stderr, exit status 64, nothing on stdout.

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
  [[...LISTEN, "a.socket", ...APP], `"a.socket" isn't the name of a service`],
  [[...LISTEN, "a@", ...APP], /^"a@" can't be the name of a unit/],
  [[...LISTEN, "../a", ...APP], /^"..\/a" can't be the name of a unit/],
  [[...LISTEN, "a\nb", ...APP], /^"a b" can't be the name of a unit/],
  [[...LISTEN, "", ...APP], /^"" can't be the name of a unit/],
  [
    [...LISTEN, "n".repeat(72), ...APP],
    /^"n{72}" is too long a name: paths of .* up to 108 bytes in \/run\/n+, and Linux takes 107$/,
  ],
  [
    [...LISTEN, "--user", "n".repeat(56), ...APP],
    /^"n{56}" is too long a name: paths of .* up to 108 bytes in \/run\/user\/\d{10}\/n+, /,
  ],
  [[...LISTEN, "--watch", "current", "a", ...APP], `--watch: "current" isn't an absolute path`],
  [[...LISTEN, "--watch", "/a\nb/c", "a", ...APP], /^"\/a\\nb" has blanks at an end/],
  [["--listen", "x", "a", ...APP], /^--listen: "x" isn't an address/],
  [["--listen", "0", "a", ...APP], "--listen: a unit needs a port, not 0"],
  [
    ["--listen-datagram", `/${"x".repeat(107)}`, "a", ...APP],
    /^--listen-datagram: "\/x+" is longer than the 107 bytes/,
  ],
  [["--listen", "/run/a\nb", "a", ...APP], /^"\/run\/a\\nb" has blanks at an end/],
  [["--listen", "a=80", "--listen", "b=81", "a", ...APP], /^--listen: all sockets .* not a and b$/],
  [["--listen", "a=80", "--listen", "81", "a", ...APP], /not a and none$/],
  [["--listen", "probe=80", "--probe", "true", "a", ...APP], /^--probe: a socket of the service is named "probe", as /],
  [[...LISTEN, ...LISTEN, "a", ...APP], /^--listen: "80" is there twice; --queues says/],
  [[...LISTEN, "--queues", "0", "a", ...APP], /^--queues: "0" isn't a count/],
  [[...LISTEN, "--queues", "2", "a", ...APP], "--queues 2: each takes a worker: give --workers 2 or more"],
  [[...LISTEN, "--queues", "2", "--workers", "1", "a", ...APP], /^--queues 2: each takes a worker/],
  [["--listen", "/a", "--queues", "2", "--workers", "2", "a", ...APP], "--queues: a unix socket has one"],
  [[...LISTEN, "--start-timeout", "x", "a", ...APP], /^--start-timeout: "x" isn't a time span/],
  [[...LISTEN, "--settle", "infinity", "a", ...APP], /^--settle: with infinity/],
  [[...LISTEN, "--env-file", "env", "a", ...APP], `--env-file: "env" isn't an absolute path`],
  [[...LISTEN, "--working-directory", ".", "a", ...APP], `--working-directory: "." isn't an absolute path`],
  [[...LISTEN, "a", "--", "./x"], `the command "./x" isn't an absolute path, and there is no --working-directory`],
  [[...LISTEN, "a", "--", "bin/x"], `the command "bin/x" isn't an absolute path, and there is no --working-directory`],
  [[...LISTEN, "--zerodown", "zerodown", "a", ...APP], `--zerodown: "zerodown" isn't an absolute path`],
  [[...LISTEN, "--zerodown", '/a"b', "a", ...APP], /can't be the path of a unit's command$/],
  [[...LISTEN, "--run-as", "a b", "a", ...APP], `--run-as: "a b" isn't the name of a user`],
  [[...LISTEN, "--run-as", "a", "--user", "a", ...APP], /^--run-as: a user's manager/],
  [[...LISTEN, "--user", "--system", "a", ...APP], "give one of --user and --system"],
  [["--for", "iis"], /^--for: "iis" is none of gunicorn, .*, podman$/],
  [["--for", "caddy"], /^--for: no unit is printed for caddy 2.6: it binds for itself, /],
  [["--for", "nginx", "--", "{release}/nginx"], /^the command: nothing is put into the name of a program /],
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

const printed = (...args: string[]) => spawnSync(ZERODOWN, ["unit", ...args], { encoding: "utf8" }).stdout;

test("--for gives what a server needs, and an example where nothing else is given", () => {
  const lines = printed("--for", "nginx", "--zerodown", "/opt/z").split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "# /etc/systemd/system/app.service",
      'Environment="NGINX=3;"',
      "ExecStart=/opt/z run --ready accept --stop-signal SIGQUIT -- /usr/sbin/nginx -p {runtime} -e stderr -c /srv/app/current/nginx.conf",
      "ListenStream=0.0.0.0:8080",
    ]),
  );
});

test("with --for two services have each a release, variables and containers of their own", () => {
  const text = printed("shop", "--for", "podman") + printed("shop.service", "--for", "gunicorn");
  expect(text).toContain("--name=shop-{generation}");
  expect(text).toContain("--env-file /etc/shop.env");
  expect(text).toContain("--working-directory /srv/shop/current");
  expect(text).not.toMatch(/\/app\b|=app\b/);
});

test("beside --for, what is given counts", () => {
  const args = [
    "--for",
    "php-fpm",
    "--stop-signal=TERM",
    "--settle",
    "1s",
    "--listen",
    "127.0.0.1:9001",
    "--zerodown",
    "/opt/z",
  ];
  const lines = printed(...args, "php", "--", "/opt/php-fpm", "-F").split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "# /etc/systemd/system/php.service",
      "Environment=FPM_SOCKETS=127.0.0.1:9001=3",
      "ExecStart=/opt/z run --stop-signal TERM --settle 1s -- /opt/php-fpm -F",
      "ListenStream=127.0.0.1:9001",
    ]),
  );
  expect(lines.filter(line => line.startsWith("Listen"))).toHaveLength(1);
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
