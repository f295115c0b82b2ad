// systemd's own Varlink client (since 255) understands the control socket.

import { execFileSync, spawnSync } from "node:child_process";
import { afterEach, expect, test } from "@jest/globals";
import { controlPath } from "../support/control.js";
import { killSupervisors, TestSupervisor } from "../support/supervisor.js";

afterEach(killSupervisors);

const VERSION = Number(/^systemd (\d+)/.exec(execFileSync("systemctl", ["--version"], { encoding: "utf8" }))![1]);

/** Runs `varlinkctl OPTIONS COMMAND SOCKET ARGS` on a supervisor. */
async function varlinkctl(options: string[], command: string, ...args: string[]): Promise<string> {
  const supervisor = new TestSupervisor(["--ready", "exec", "--", "sleep", "infinity"]);
  await supervisor.serving(1);
  return execFileSync("varlinkctl", [...options, command, controlPath(supervisor), ...args], { encoding: "utf8" });
}

if (VERSION < 255) {
  test(`systemd ${VERSION} has no varlinkctl: there is nothing to try`, () => {
    expect(spawnSync("varlinkctl").error).toMatchObject({ code: "ENOENT" });
  });
} else {
  test("varlinkctl info", async () => {
    expect(await varlinkctl([], "info")).toMatch(/Product: zerodown.*tech\.fornaxian\.zerodown/s);
  });

  test("varlinkctl introspect", async () => {
    const text = await varlinkctl([], "introspect", "tech.fornaxian.zerodown");
    expect(text).toMatch(/method Reload\(/);
    expect(text).toMatch(/error ReloadFailed/);
  });

  test("varlinkctl call Status", async () => {
    const status = JSON.parse(await varlinkctl(["--json=short"], "call", "tech.fornaxian.zerodown.Status", "{}"));
    expect(status.generations).toEqual([expect.objectContaining({ number: 1, state: "serving" })]);
  });

  test("varlinkctl call Reload, with and without more", async () => {
    const last = JSON.parse(await varlinkctl(["--json=short"], "call", "tech.fornaxian.zerodown.Reload", "{}"));
    expect(last.generation).toBe(2);
    expect(await varlinkctl(["--more"], "call", "tech.fornaxian.zerodown.Reload", "{}")).toMatch(/"starting"/);
  });
}
