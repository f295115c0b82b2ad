// A request is one reload, however often and on which ways it comes; and an operator may abort some.

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

/** A signal has started generation 2, half a second ago. */
function signalled(): Machine {
  const machine = Machine.serving();
  machine.reload();
  machine.spawned(2);
  machine.now += SECOND / 2;
  return machine;
}

const starts = (lines: string[]) => lines.filter(line => line.startsWith("spawn"));

describe("a command that wanted its reload before a signal started one", () => {
  test.each([
    ["half a second before", SECOND / 2],
    ["as its ExecReload=, forked 50 ms after", SECOND / 2 - 0.05 * SECOND],
  ])("%s gets that one's result", (_, age) => {
    const machine = signalled();
    expect(machine.reload(7, { since: machine.now - age })).not.toContainEqual(expect.stringMatching(/^spawn|more/));
    expect(machine.ready(2)).toContain("result for [7]: generation 2");
  });

  test("gets it after the end, too: success, or the reason of the failure", () => {
    const machine = signalled();
    const since = machine.now - SECOND / 2;
    machine.ready(2);
    expect(machine.reload(7, { since })).toContain("result for [7]: generation 2");

    const failing = signalled();
    failing.exits(2, 3);
    expect(failing.reload(7, { since })).toContainEqual(
      expect.stringMatching(/^result for \[7\]: Reload failed: generation 2 exited with status 3 before it was ready/),
    );
    expect(failing.state.generations).toHaveLength(1);
  });

  test("but one that wanted it later gets a reload of its own", () => {
    const machine = signalled();
    machine.reload(7, { since: machine.now - 0.4 * SECOND });
    expect(starts(machine.ready(2))).toEqual(["spawn 3"]);
  });
});

test("one more reload, for a signal that came while a candidate was starting, answers a command that comes with that signal", () => {
  const machine = signalled();
  machine.reload();
  expect(starts(machine.ready(2))).toEqual(["spawn 3"]);
  machine.spawned(3);
  expect(starts(machine.reload(7, { since: machine.now + 0.05 * SECOND }))).toEqual([]);
  expect(machine.ready(3)).toContain("result for [7]: generation 3");
});

test("a command's reload answers another that was wanted before it began, and none that was wanted after", () => {
  const machine = Machine.serving();
  machine.reload(1, { since: machine.now - SECOND });
  machine.spawned(2);
  machine.reload(2, { since: machine.now });
  machine.reload(3, { since: machine.now + 1 });
  expect(machine.ready(2)).toEqual(expect.arrayContaining(["result for [1,2]: generation 2", "spawn 3"]));
});

describe("aborting the candidate", () => {
  test("kills it, and its reload fails for that reason", () => {
    const machine = Machine.reloading();
    expect(machine.event({ type: "cancel" })).toEqual(["kill 2"]);
    expect(machine.ends(2, { signal: 9, name: "SIGKILL" })).toContainEqual(
      expect.stringMatching(/^err: reload failed after .*: generation 2 \(pid 102\) was aborted\. Generation 1/),
    );
  });

  test("for a reload that replaces it: that one follows at once", () => {
    const machine = Machine.reloading();
    expect(machine.reload(2, { replace: true })).toContain("kill 2");
    expect(starts(machine.ends(2, { signal: 9, name: "SIGKILL" }))).toEqual(["spawn 3"]);
  });

  test("for one that replaces it, at the first start: that is the first then, and systemd hears of no reload", () => {
    const machine = new Machine();
    machine.start();
    machine.spawned(1);
    expect(machine.reload(1, { replace: true })).toContain("kill 1");
    const first = machine.ends(1, { signal: 9, name: "SIGKILL" });
    expect(first).toEqual(
      expect.arrayContaining(["err: start failed after 0us: generation 1 (pid 101) was aborted", "spawn 2"]),
    );
    machine.spawned(2);
    machine.reload(2, { replace: true });
    const second = machine.ends(2, { signal: 9, name: "SIGKILL" });
    expect(second).toEqual(
      expect.arrayContaining(["result for [1]: Start failed: generation 2 was aborted", "spawn 3"]),
    );
    expect([...first, ...second].filter(line => /RELOADING/.test(line))).toEqual([]);
    machine.spawned(3);
    const third = machine.ready(3);
    expect(third).toContainEqual(expect.stringMatching(/^systemd: READY=1 MAINPID=42 /));
    expect(third).toContainEqual("result for [2]: generation 3");
  });

  test("that is being killed for its time limit already: what replaces it follows all the same", () => {
    const machine = new Machine({ startTimeout: 2 * SECOND });
    machine.start();
    machine.spawned(1);
    machine.fires("start-timeout 1");
    expect(machine.reload(1, { replace: true })).not.toContain("kill 1");
    expect(machine.ends(1, { signal: 9, name: "SIGKILL" })).toEqual(
      expect.arrayContaining(["err: start failed after 2s: generation 1 (pid 101) was aborted", "spawn 2"]),
    );
  });

  test("spares one that settles, because it has requests to answer", () => {
    const machine = Machine.reloading({ settle: SECOND });
    machine.ready(2);
    expect(machine.event({ type: "cancel" })).toEqual([]);
  });

  test("without one does nothing", () => {
    expect(Machine.serving().event({ type: "cancel" })).toEqual([]);
  });
});
