import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  childEnvironment,
  probeEnvironment,
  type Surroundings,
} from "../../../src/systemd/as-manager/child-environment.js";

const SURROUNDINGS: Surroundings = {
  generation: 3,
  slot: 0,
  workers: 1,
  supervisorPid: 42,
  fds: [
    { fd: 3, name: "web" },
    { fd: 7, name: "unknown" },
  ],
  fdstoreMax: 0,
  notifySocket: "/run/notify-3",
  isTrial: false,
  probeFd: undefined,
  readyFd: undefined,
};

/** These variables are always there. */
const OURS = { NOTIFY_SOCKET: "/run/notify-3", ZERODOWN_GENERATION: "3", ZERODOWN_SUPERVISOR_PID: "42" };
const SOCKETS = { LISTEN_FDS: "2", LISTEN_FDNAMES: "web:unknown" };

describe("a child finds", () => {
  test("what the supervisor got, and what --env-file adds and replaces", () => {
    const { variables } = childEnvironment({ HOME: "/x", A: "1", B: "2" }, { B: "3", C: "4" }, SURROUNDINGS);
    expect(variables).toEqual({ HOME: "/x", A: "1", B: "3", C: "4", ...SOCKETS, ...OURS });
  });

  test("its sockets by number and name, and its own pid", () => {
    const received = { LISTEN_FDS: "9", LISTEN_FDNAMES: "x", LISTEN_PID: "42", LISTEN_PIDFDID: "77" };
    expect(childEnvironment(received, {}, SURROUNDINGS)).toEqual({
      variables: { ...SOCKETS, ...OURS },
      pidVariables: ["LISTEN_PID"],
    });
  });

  test("none of the LISTEN_ variables when there are no sockets, not even from --env-file", () => {
    const received = { LISTEN_FDS: "1", LISTEN_FDNAMES: "x", LISTEN_PID: "42", LISTEN_PIDFDID: "77" };
    expect(childEnvironment(received, { LISTEN_FDS: "1" }, { ...SURROUNDINGS, fds: [] })).toEqual({
      variables: OURS,
      pidVariables: [],
    });
  });

  test("its own pid where the supervisor's was, and another's as it came", () => {
    const received = { WATCHDOG_USEC: "5000000", WATCHDOG_PID: "42", SYSTEMD_EXEC_PID: "41" };
    expect(childEnvironment(received, {}, { ...SURROUNDINGS, fds: [] })).toEqual({
      variables: { WATCHDOG_USEC: "5000000", SYSTEMD_EXEC_PID: "41", ...OURS },
      pidVariables: ["WATCHDOG_PID"],
    });
    expect(childEnvironment({ SYSTEMD_EXEC_PID: "42" }, {}, SURROUNDINGS).pidVariables).toEqual([
      "SYSTEMD_EXEC_PID",
      "LISTEN_PID",
    ]);
  });

  test("its own notify socket and generation, whatever else is said", () => {
    const lies = { NOTIFY_SOCKET: "/run/systemd/notify", ZERODOWN_GENERATION: "9", ZERODOWN_SUPERVISOR_PID: "1" };
    expect(childEnvironment(lies, lies, SURROUNDINGS).variables).toMatchObject(OURS);
  });

  test("where to write its newline, with --ready fd only", () => {
    const received = { ZERODOWN_READY_FD: "5" };
    expect(childEnvironment(received, {}, SURROUNDINGS).variables).not.toHaveProperty("ZERODOWN_READY_FD");
    expect(childEnvironment(received, {}, { ...SURROUNDINGS, readyFd: 9 }).variables.ZERODOWN_READY_FD).toBe("9");
  });
});

test("every other variable reaches the child as it came, and no variable twice", () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/).filter(text => !/^(LISTEN|WATCHDOG|ZERODOWN)_/.test(text));
  const values = fc.dictionary(name, fc.string({ unit: "grapheme" }), { noNullPrototype: true });
  fc.assert(
    fc.property(values, values, (received, file) => {
      const { variables, pidVariables } = childEnvironment(received, file, SURROUNDINGS);
      expect(variables).toEqual({ ...received, ...file, ...SOCKETS, ...OURS });
      expect(pidVariables.filter(variable => variable in variables)).toEqual([]);
    }),
  );
});

test("where there are probes a child finds their descriptor, and in a dry run is told so", () => {
  const received = { ZERODOWN_PROBE_FD: "9", ZERODOWN_DRY_RUN: "1", ZERODOWN_PROBE_SOCKET: "/other" };
  expect(childEnvironment(received, {}, SURROUNDINGS).variables).toEqual({ ...SOCKETS, ...OURS });
  expect(childEnvironment({}, {}, { ...SURROUNDINGS, isTrial: true, probeFd: 5 }).variables).toMatchObject({
    ZERODOWN_DRY_RUN: "1",
    ZERODOWN_PROBE_FD: "5",
  });
});

test("a probe finds the candidate's environment, but for what is for that process alone", () => {
  const received = {
    HOME: "/x",
    LISTEN_FDS: "2",
    LISTEN_PID: "42",
    NOTIFY_SOCKET: "/n",
    WATCHDOG_USEC: "5",
    WATCHDOG_PID: "42",
  };
  const about = { generation: 3, supervisorPid: 42, slot: 1, workers: 2, isTrial: false };
  expect(probeEnvironment(received, { A: "1" }, about, { pid: 812, probeSocket: "/run/ü" })).toEqual({
    HOME: "/x",
    A: "1",
    ZERODOWN_GENERATION: "3",
    ZERODOWN_SUPERVISOR_PID: "42",
    ZERODOWN_WORKER: "1",
    ZERODOWN_WORKERS: "2",
    ZERODOWN_CANDIDATE_PID: "812",
    ZERODOWN_PROBE_SOCKET: Buffer.from("/run/ü").toString("latin1"),
  });
});
