// zerodown status without a UNIT: all units of a real manager that run zerodown. And zerodown logs, which finds them too.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { UnitRow } from "../../src/cli/status/units.js";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { installUnits, systemctl } from "../support/user-manager.js";

const NAME = `status-units-${process.pid}`;
const directory = temporaryDirectory();
const broken = `${directory.path}/broken`;

function service(name: string, ...lines: string[]): Record<string, string> {
  return {
    [`${NAME}-${name}.service`]: ["[Service]", "Type=notify", `RuntimeDirectory=${NAME}-${name}`, ...lines].join("\n"),
  };
}

beforeAll(() => {
  writeFileSync(broken, `#!/bin/sh\n[ ! -e ${directory.path}/is-broken ] || exit 3\nexec sleep infinity\n`);
  chmodSync(broken, 0o755);
  const run = `ExecStart=${ZERODOWN} run --ready delay:200ms --`;
  const reload = `ExecReload=${ZERODOWN} reload`;
  installUnits({
    ...service("good", `${run} sleep infinity`, reload),
    ...service("broken", `${run} ${broken}`, reload),
    ...service("stopped", `${run} sleep infinity`),
    // A name with a dot, like that of a host; another unit is an alias of it.
    ...service("example.com", `${run} sleep infinity`, "[Install]", `Alias=${NAME}-alias.service`),
    ...service("to-a-file", `${run} sleep infinity`, `StandardError=append:${directory.path}/log`),
    [`${NAME}-other.service`]: "[Service]\nExecStart=sleep infinity",
  });
  systemctl("enable", `${NAME}-example.com.service`);
  for (const name of ["good", "broken", "other"]) systemctl("start", `${NAME}-${name}`);
  expect(systemctl("reload", `${NAME}-good`).status).toBe(0);
  writeFileSync(`${directory.path}/is-broken`, "");
  expect(systemctl("reload", `${NAME}-broken`).status).toBe(1);
});
afterAll(() => {
  systemctl("disable", `${NAME}-example.com.service`);
  for (const name of ["good", "broken", "other"]) systemctl("stop", `${NAME}-${name}`);
  directory.remove();
});

const zerodown = (...args: string[]) => {
  const { MAINPID: _, ...env } = process.env;
  return execFileSync(ZERODOWN, args, { encoding: "utf8", env });
};
const ours = (line: string) => line.startsWith(NAME);

test("one row a unit: what serves, and what came of the last reload", () => {
  const rows = zerodown("status", "--user").split("\n").filter(ours);
  expect(rows.map(row => row.slice(NAME.length + 1).replace(/ +/g, " "))).toEqual([
    expect.stringMatching(/^broken\.service active \(running\) 1 \S+ failed \d+\.\d+\.\d+$/),
    "example.com.service inactive (dead) - - - -",
    expect.stringMatching(/^good\.service active \(running\) 2 \S+ succeeded \d+\.\d+\.\d+$/),
    "stopped.service inactive (dead) - - - -",
    "to-a-file.service inactive (dead) - - - -",
  ]);
});

test("--json has the same as values", () => {
  const { units } = JSON.parse(zerodown("status", "--user", "--json")) as { units: UnitRow[] };
  const good = units.find(({ unit }) => unit.Id === `${NAME}-good.service`);
  expect(good).toMatchObject({ generation: { number: 2, state: "serving" }, lastReload: "succeeded" });
  expect(good!.supervisor).toEqual({ pid: good!.unit.MainPID, version: expect.any(String), older: false });
});

test("completion knows these units, and their generations", () => {
  expect(zerodown("completion", "--user", "--units").split("\n").filter(ours)).toEqual(
    ["broken", "example.com", "good", "stopped", "to-a-file"].map(name => `${NAME}-${name}.service`),
  );
  expect(zerodown("completion", "--user", "--generations", `${NAME}-good`)).toBe("1\n2\n");
});

test("a unit is found by a name with a dot, and behind --", () => {
  const state = (...args: string[]) => {
    const { MAINPID: _, ...env } = process.env;
    return spawnSync(ZERODOWN, ["status", "--user", ...args], { encoding: "utf8", env });
  };
  expect(state(`${NAME}-example.com`)).toMatchObject({ status: 3, stderr: "" });
  expect(state("--", `${NAME}-good`).stdout).toMatch(/^ +2 +serving/m);
});

test("a supervisor that doesn't answer is said to", () => {
  const good = () =>
    zerodown("status", "--user")
      .split("\n")
      .find(line => line.startsWith(`${NAME}-good`));
  const pid = Number(systemctl("show", "--value", "--property=MainPID", `${NAME}-good`).stdout);
  process.kill(pid, "SIGSTOP");
  expect(good()).toMatch(/no answer within 5s; is it stopped\?$/);
  process.kill(pid, "SIGCONT");
});

test("--watch wants one unit, and logs a generation that there is", () => {
  const { MAINPID: _, ...env } = process.env;
  const fail = (...args: string[]) => {
    const { status, stderr } = spawnSync(ZERODOWN, args, { encoding: "utf8", env });
    return [status, stderr];
  };
  expect(fail("status", "--user", "--watch")).toEqual([64, "zerodown: --watch shows one unit: which?\n"]);
  expect(fail("logs", "--user", `${NAME}-good`, "--generation", "0")).toEqual([
    69,
    `zerodown: ${NAME}-good.service: generation 0 isn't known (any more)\n`,
  ]);
  expect(fail("logs", "--generation", "1")).toEqual([64, "zerodown: --generation: of which unit?\n"]);
});

test("logs says where to look for the log of a unit that doesn't write it to the journal", () => {
  const said = (name: string) =>
    spawnSync(ZERODOWN, ["logs", "--user", `${NAME}-${name}`, "--", "--no-pager"], { encoding: "utf8" }).stderr;
  expect(said("to-a-file")).toContain(
    `zerodown: ${NAME}-to-a-file.service: its log isn't in the journal: StandardError=append:${directory.path}/log\n`,
  );
  expect(said("good")).not.toContain("its log");
});
