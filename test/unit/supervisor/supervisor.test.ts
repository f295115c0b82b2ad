// A supervisor goes on where another one has stopped, with real children and a real socket.

import { closeSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { native, SOCK_STREAM } from "../../../src/native/index.js";
import { outside } from "../../../src/supervisor/outside.js";
import { Supervisor } from "../../../src/supervisor/supervisor.js";
import { FdStore } from "../../../src/systemd/as-manager/fd-store.js";
import { doorThatCloses } from "../../support/door.js";
import { eventually } from "../../support/eventually.js";
import { leftovers, PYTHON } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

/** Generation 1 serves. The next one makes the socket non-blocking, and fails when it is told to. */
const APP = `
import os, signal, socket
signals = {signal.SIGUSR1, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect(os.environ["NOTIFY_SOCKET"])
if os.environ["ZERODOWN_GENERATION"] == "1":
    notify.send(b"READY=1")
else:
    os.set_blocking(3, False)
    notify.send(b"STATUS=waits")
    signals.remove(signal.SIGTERM)
    # It is also sent when a test that fails ends.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
os._exit(signal.sigwait(signals) == signal.SIGUSR1)`;

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

test("a reload under way fails as it would have, and the socket blocks again for the generation that serves", async () => {
  const left = leftovers();
  const socket = native.bindUnix(SOCK_STREAM, `@zerodown-test-${process.pid}-${Math.random()}`);
  native.setNonBlocking(socket, false);
  const told: string[] = [];
  const exits: number[] = [];
  const times = {
    workers: 1,
    queues: 1,
    surge: 1,
    bootWeight: 100,
    bootParallel: 1,
    maxAge: Number.POSITIVE_INFINITY,
    readyDelay: 0,
    startTimeout: 60e6,
    probes: [],
    probeTimeout: 30e6,
    stopTimeout: 60e6,
    beforeDrain: 0,
    settle: 0,
    watchdog: 0,
  };
  const store = { storeFd() {}, hasStored() {}, hasLost() {}, removeFds() {} };
  const supervise = (door: typeof outside) =>
    new Supervisor({
      config: {
        ...times,
        pid: process.pid,
        ready: "notify",
        seesAccepting: false,
        stopSignal: "SIGTERM",
        onCrash: "restart",
      },
      launch: {
        command: [PYTHON, "-c", APP],
        directory: "/",
        envFile: undefined,
        environment: {},
        fileLimit: -1,
        ignoresSigpipe: false,
        fdMap: [],
        fds: () => [{ fd: socket, name: "web" }],
        stored: () => [],
        fdstoreMax: 0,
        probes: [],
        cgroup: undefined,
        workerLimits: [],
        ready: "notify",
        beforeDrainCommand: undefined,
        stopSignal: "SIGTERM",
        runtimeDirectory: directory.path,
      },
      outside: { ...door, onSignal() {}, releaseMemory() {} },
      notifier: { send: assignments => told.push(...assignments) },
      store: new FdStore(0, store, () => {}),
      sockets: [socket],
      listening: () => [],
      files: { note() {}, putBack() {}, putBackNames() {} },
      killStrays: "none",
      unreaped: () => [],
      lastGood: { read: () => undefined, write() {} },
      log() {},
      stopOn: [],
      reloadSignals: [],
      passSignals: [],
      exit: status => void exits.push(status),
    });
  const { door, close } = doorThatCloses();
  const first = supervise(door);
  first.start();
  await eventually(() => expect(told).toContain("READY=1"));
  void first.reload(null, false);
  await eventually(() => expect(first.state.generations[1]?.processes[0]?.status).toBe("waits"));
  expect(native.isNonBlocking(socket)).toBe(true);
  const saved = JSON.stringify(first.save());
  close();

  const second = supervise(outside);
  second.adopt(JSON.parse(saved));
  process.kill(second.state.generations[1]!.processes[0]!.pid!, "SIGUSR1");
  await eventually(() => expect(second.state.generations).toHaveLength(1));
  expect(told.at(-1)).toMatch(/^STATUS=.*generation 2 .*exited with status 1/);
  expect(native.isNonBlocking(socket)).toBe(false);
  // Whoever asks now is another one than the first asker, whom nobody can answer any more.
  const answer = second.reload(null, false);
  await eventually(() => expect(second.state.generations[1]?.processes[0]?.status).toBe("waits"));
  expect(second.state.reload).toEqual({ askers: [2] });
  second.cancel();
  expect((await answer).outcome).toMatchObject({ kind: "cancelled" });
  second.stop();
  await eventually(() => expect(exits).toEqual([0]));
  closeSync(socket);
  expect(left()).toEqual({ fds: [], children: [] });
});
