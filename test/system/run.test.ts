import { afterEach, expect, test } from "@jest/globals";
import { EXAMPLE_APP, killSupervisors, TestSupervisor } from "../support/supervisor.js";

afterEach(killSupervisors);

test("starts, reloads and stops", async () => {
  const supervisor = new TestSupervisor(["--listen", "@zerodown-test", "--", "node", EXAMPLE_APP]);
  await supervisor.serving(1);
  expect(await supervisor.reload()).toMatch(/generation 2 \(pid \d+\) serving: ready after .*Draining generation 1/);
  expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
});
