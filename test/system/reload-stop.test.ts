// The unit doesn't fail when `systemctl stop` comes at any time after `systemctl reload`.

import { afterEach, expect, test } from "@jest/globals";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(removeUnits);

test.each([
  ["process", "mixed", []],
  ["group", "control-group", []],
  ["process, without SuccessExitStatus=", "mixed", ["SuccessExitStatus="]],
])("a stop that overtakes a reload, with SIGTERM to the %s, leaves the unit a success", async (_, kill, more) => {
  const unit = installApp({ command: `${APPS}slow.sh 0 0`, service: [`KillMode=${kill}`, ...more] });
  const results: Record<number, string> = {};
  // We leave out the first few ms without that setting, because the launcher itself begins then.
  for (let offset = more.length > 0 ? 20 : 0; offset <= 200; offset += 20) {
    await unit.start();
    await unit.must("reload", "--no-block", unit.service);
    await new Promise(resolve => setTimeout(resolve, offset));
    await unit.stop();
    results[offset] = await unit.property("Result");
    await unit.systemctl("reset-failed", unit.service);
  }
  expect(Object.entries(results).filter(([, result]) => result !== "success")).toEqual([]);
});
