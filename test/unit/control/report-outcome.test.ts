// How a process ended, as values of the control interface.

import { expect, test } from "@jest/globals";
import { reportOutcome } from "../../../src/control/report-outcome.js";
import { Machine, SECOND } from "../../support/machine.js";

const SIGKILL = { signal: 9, name: "SIGKILL" };

/** Reports the outcome of the generation that ended last. */
function last({ state }: Machine) {
  return reportOutcome(state.ended.at(-1)!.outcome);
}

test("a candidate that exits, with its last STATUS=, or with what it reported in place of that", () => {
  const machine = Machine.reloading();
  machine.says(2, { status: "no database" });
  machine.exits(2, 1);
  expect(last(machine)).toEqual({ kind: "exit", state: "starting", status: 1, lastStatus: "no database" });

  const reporting = Machine.reloading();
  reporting.says(2, { status: "no database", reported: "it reported ERRNO=2, ENOENT" });
  reporting.exits(2, 1);
  expect(last(reporting)).toEqual({
    kind: "exit",
    state: "starting",
    status: 1,
    reported: "it reported ERRNO=2, ENOENT",
  });
});

test("one that crashes, or can't be started", () => {
  const machine = Machine.serving();
  machine.ends(1, { signal: 11, name: "SIGSEGV" });
  expect(last(machine)).toEqual({ kind: "signal", state: "serving", signal: "SIGSEGV" });
  machine.spawnFailed(2, "ENOENT: no such file", 69);
  expect(last(machine)).toEqual({ kind: "spawn", state: "starting", error: "ENOENT: no such file" });
});

test("one that exceeds a time limit, or that somebody aborts", () => {
  const machine = Machine.draining({ startTimeout: 30 * SECOND, stopTimeout: 5 * SECOND });
  machine.fires("stop-timeout 1");
  machine.ends(1, SIGKILL);
  expect(last(machine)).toEqual({ kind: "stop-timeout", state: "draining", signal: "SIGKILL" });
  machine.reload();
  machine.spawned(3);
  machine.fires("start-timeout 3");
  machine.ends(3, SIGKILL);
  expect(last(machine)).toEqual({ kind: "start-timeout", state: "starting", limit: 30 * SECOND, signal: "SIGKILL" });
  machine.reload();
  machine.spawned(4);
  machine.event({ type: "cancel" });
  machine.ends(4, SIGKILL);
  expect(last(machine)).toEqual({ kind: "cancelled", state: "starting", signal: "SIGKILL" });
});

test("one that does not pass a probe", () => {
  const machine = Machine.serving({ probes: ["./check"], probeTimeout: 3 * SECOND });
  machine.probed(1, 0);
  machine.reload();
  machine.spawned(2);
  machine.ready(2);
  machine.probed(2, 0, { kind: "answered", answer: "500 Internal Server Error" });
  machine.ends(2, SIGKILL);
  const report = { state: "starting", probe: "./check", signal: "SIGKILL" };
  expect(last(machine)).toEqual({ ...report, kind: "probe", error: "answered with 500 Internal Server Error" });
  machine.reload();
  machine.spawned(3);
  machine.ready(3);
  machine.fires("probe-timeout 3");
  machine.ends(3, SIGKILL);
  expect(last(machine)).toEqual({ ...report, kind: "probe-timeout", limit: 3 * SECOND });
});

test("one that drains and is killed by a second Ctrl-C, or drains as it should", () => {
  const machine = Machine.draining();
  machine.stop("SIGINT");
  machine.exits(1, 0);
  expect(last(machine)).toEqual({ kind: "exit", state: "draining", status: 0 });
  machine.stop("SIGINT");
  machine.ends(2, SIGKILL);
  expect(last(machine)).toEqual({ kind: "interrupted", state: "draining", signal: "SIGKILL" });
});

test("one that misses its watchdog, and whether SIGABRT ended it", () => {
  const machine = Machine.serving({ watchdog: 5 * SECOND });
  machine.says(1, { watchdog: "ping" });
  machine.fires("watchdog 1");
  machine.fires("abort-timeout 1");
  machine.ends(1, SIGKILL);
  expect(last(machine)).toEqual({
    kind: "watchdog",
    state: "serving",
    limit: 5 * SECOND,
    killed: true,
    signal: "SIGKILL",
  });
  machine.spawned(2);
  machine.ready(2);
  machine.says(2, { watchdog: "trigger" });
  machine.ends(2, { signal: 6, name: "SIGABRT" });
  expect(last(machine)).toEqual({ kind: "watchdog", state: "serving", killed: false, signal: "SIGABRT" });
});
