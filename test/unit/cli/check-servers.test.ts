// The rules of `zerodown check` about servers that it knows, each alone.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import type { Facts } from "../../../src/cli/check/facts.js";
import { checkUnit, type RULES } from "../../../src/cli/check/rules.js";
import { temporaryDirectory } from "../../support/supervisor.js";
import { facts, found, start, Z } from "../../support/unit-facts.js";

const run = (options: string, ...command: string[]) =>
  start(Z, "run", ...options.split(" ").filter(Boolean), "--", ...command);
const shown = (options: string, ...command: string[]) =>
  `ExecStart=${[Z, "run", ...options.split(" ").filter(Boolean), "--", ...command].join(" ")}`;
const UNIX = { Listen: [["Stream", "/run/php.sock"]] };

test.each<[keyof typeof RULES, Facts, string[]]>([
  ["serverSignal", facts(run("", "/usr/sbin/nginx")), [`error ${shown("", "/usr/sbin/nginx")}: no fix`]],
  ["serverSignal", facts(run("--stop-signal QUIT", "/usr/sbin/nginx")), []],
  ["serverSignal", facts(run("", "lighttpd", "-D")), []],
  [
    "serverSignal",
    facts(run("--stop-signal TERM", "lighttpd")),
    [`error ${shown("--stop-signal TERM", "lighttpd")}: no fix`],
  ],
  ["serverSignal", facts(run("", "php-fpm8.2")), [`error ${shown("", "php-fpm8.2")}: no fix`]],
  ["serverSignal", facts(run("", "/usr/bin/uvicorn")), []],
  ["serverSignal", facts(run("", "node", "nginx")), []],
  ["serverSocket", facts(run("", "nginx")), ['error Environment=: Environment="NGINX=3;"']],
  [
    "serverSocket",
    facts(
      { ...run("", "nginx"), Environment: ["A=b"] },
      {
        socket: {
          Listen: [
            ["Stream", "a"],
            ["Stream", "b"],
          ],
        },
      },
    ),
    ['error Environment=A=b: Environment="NGINX=3;4;"'],
  ],
  ["serverSocket", facts({ ...run("", "nginx"), Environment: ["NGINX=3;"] }), []],
  ["serverSocket", facts({ ...run("", "nginx"), EnvironmentFiles: [["/etc/env", false]] }), []],
  ["serverSocket", facts(run("--env-file /etc/env", "nginx")), []],
  ["serverSocket", facts(run("", "php-fpm")), ["error Environment=: Environment=FPM_SOCKETS=[::]:80=3"]],
  ["serverSocket", facts(run("", "gunicorn")), []],
  ["earlyReady", facts(run("", "gunicorn", "a:b")), [`warning ${shown("", "gunicorn", "a:b")}: no fix`]],
  ["earlyReady", facts(run("", "gunicorn", "--preload")), []],
  ["earlyReady", facts(run("--settle 2s", "gunicorn")), []],
  ["earlyReady", facts(run("--ready notify+accept", "gunicorn")), []],
  ["earlyReady", facts(run("", "unicorn")), []],
  [
    "unlinkedSocket",
    facts(run("", "php-fpm8.2"), { socket: UNIX }),
    ["note ListenStream (app.socket)=/run/php.sock: no fix"],
  ],
  ["unlinkedSocket", facts(run("", "php-fpm8.2")), []],
  ["unlinkedSocket", facts(run("", "nginx"), { socket: UNIX }), []],
])("%s", (rule, about, expected) => {
  expect(found(rule, about)).toEqual(expected);
});

const directory = temporaryDirectory();
afterAll(() => directory.remove());

test.each([
  ["puma", ["-w", "2"], "workers 2\n", ["pumaCluster"]],
  ["puma", ["--workers=2"], undefined, ["pumaCluster"]],
  ["puma", [], "threads 4, 4\n", []],
  ["puma", [], "workers 2\ndrain_on_shutdown\n", []],
  ["puma", ["-C", "FILE"], "workers(2)\n", ["pumaCluster"]],
  ["gunicorn", ["-c", "FILE", "a:b"], "workers = 2\n", ["earlyReady"]],
  ["gunicorn", ["--config=FILE", "a:b"], "preload_app = True\n", []],
])("%s %j with the configuration %j", (program, args, text, expected) => {
  mkdirSync(`${directory.path}/config`, { recursive: true });
  const file = `${directory.path}/config/puma.rb`;
  rmSync(file, { force: true });
  if (text !== undefined) writeFileSync(file, text);
  const command = [program, ...args.map(word => word.replace("FILE", file))];
  const about = facts(run(`--working-directory ${directory.path}`, ...command));
  const rules = (["pumaCluster", "earlyReady"] as const).filter(rule => found(rule, about).length > 0);
  expect(rules).toEqual(expected);
});

test("nothing is found where the options are those of zerodown unit --for", () => {
  const options = "--stop-timeout 30 --ready notify+accept --stop-signal SIGTERM";
  expect(checkUnit(facts(run(options, "/usr/bin/gunicorn", "app:app")))).toEqual([]);
});
