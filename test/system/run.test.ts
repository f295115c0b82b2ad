import { spawnSync } from "node:child_process";
import { afterEach, expect, test } from "@jest/globals";
import { EXAMPLE_APP, killSupervisors, TestSupervisor, temporaryDirectory, ZERODOWN } from "../support/supervisor.js";

afterEach(killSupervisors);

test("starts, reloads and stops", async () => {
  const supervisor = new TestSupervisor(["--listen", "@zerodown-test", "--", "node", EXAMPLE_APP]);
  await supervisor.serving(1);
  expect(await supervisor.reload()).toMatch(/generation 2 \(pid \d+\) serving: ready after .*Draining generation 1/);
  expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
});

test.each(["exec", "notify"])("in a unit (Type=%s) --watch is refused, and it says what to do there", type => {
  const { path, remove } = temporaryDirectory();
  const command = [ZERODOWN, "run", "--control", "none", "--watch", path, "--", "echo", "started"];
  const options = [
    "--user",
    "--wait",
    "--pipe",
    "--quiet",
    `--property=Type=${type}`,
    `--setenv=PATH=${process.env.PATH}`,
  ];
  const { stderr } = spawnSync("systemd-run", [...options, ...command], { encoding: "utf8", timeout: 20_000 });
  remove();
  expect(stderr).toMatch(/^zerodown: --watch is for writing code at a terminal\. .*zerodown unit NAME --watch LINK/m);
  expect(stderr).not.toContain("started");
});
