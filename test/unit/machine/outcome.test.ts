// How the end of a process becomes the exit status of the supervisor.

import { expect, test } from "@jest/globals";
import { exitStatusOf } from "../../../src/machine/outcome.js";

test.each([
  [{ kind: "exit", status: 1 }, 1],
  [{ kind: "exit", status: 125 }, 125],
  [{ kind: "exit", status: 126 }, 126],
  [{ kind: "exit", status: 143 }, 143],
  [{ kind: "exit", status: 255 }, 255],
  [{ kind: "exit", status: 0 }, 69],
  [{ kind: "probe", probe: "x", failure: { kind: "error", error: "y" }, end: { signal: 9, name: "SIGKILL" } }, 69],
  [{ kind: "probe-timeout", probe: "x", limit: 1, end: { signal: 9, name: "SIGKILL" } }, 75],
  [{ kind: "signal", signal: 15, name: "SIGTERM" }, 143],
] as const)("the exit status for %j is %d", (cause, status) => {
  expect(exitStatusOf(cause)).toBe(status);
});
