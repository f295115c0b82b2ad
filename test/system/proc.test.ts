// Units whose /proc shows processes only, or nothing.

import { afterEach, expect, test } from "@jest/globals";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";
import { command, zerodown } from "../support/user-manager.js";

afterEach(removeUnits);

/** Whether a unit of such settings starts at all. */
function canStart(settings: readonly string[]): boolean {
  const properties = settings.filter(line => !line.startsWith("Exec")).map(line => `--property=${line}`);
  return command("systemd-run", "--user", "--wait", "--quiet", ...properties, "/bin/true").status === 0;
}

/** systemd's own InaccessiblePaths=/proc keeps some versions of it from setting up the rest. */
function hidden(setting: string, command: string): string[] {
  return [`${setting}=`, `${setting}=unshare --mount sh -c 'mount -t tmpfs none /proc && exec zerodown ${command}'`];
}

test.each([
  ["processes only (ProcSubset=pid)", ["ProcSubset=pid", "PrivateUsers=yes"]],
  [
    "nothing (an empty file system over it)",
    [...hidden("ExecStart", `run -- ${APPS}slow.sh 0 0`), ...hidden("ExecReload", "reload")],
  ],
])("a unit whose /proc has %s starts, reloads twice and stops", async (_, service) => {
  if (!canStart(service)) {
    console.log(`left out: systemd itself can start nothing with ${service.join(" ")} here (a chroot's /proc)`);
    return;
  }
  const unit = installApp({ command: `${APPS}slow.sh 0 0`, service });
  await unit.start();
  for (const generation of [2, 3]) {
    await unit.reload();
    expect(await unit.property("StatusText")).toMatch(new RegExp(`^Generation ${generation} \\(pid \\d+\\) serving`));
  }
  expect(zerodown("status", "--user", unit.name)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^ +3 +serving/m),
  });
  // Each reload started one generation: no request was taken for a later one.
  expect(unit.log.matching(/ started$/)).toHaveLength(3);
  await unit.stop();
  expect(await unit.property("Result")).toBe("success");
  expect(await unit.property("StatusText")).toBe("Stopped");
  expect(unit.log.matching(/ENOENT|EACCES|internal error/)).toEqual([]);
});
