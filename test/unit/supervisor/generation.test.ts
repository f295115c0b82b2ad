// One process of a generation, with a real child: where the kernel denies what it needs, and where another one goes on.

import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { GenerationProcess } from "../../../src/supervisor/generation.js";
import type { Launch } from "../../../src/supervisor/launch.js";
import { type Outside, outside } from "../../../src/supervisor/outside.js";
import { Cgroup } from "../../../src/systemd/as-service/cgroup.js";
import { doorThatCloses } from "../../support/door.js";
import { eventually } from "../../support/eventually.js";
import { leftovers, PYTHON, readable, thrown } from "../../support/native.js";
import { isAlive } from "../../support/processes.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

/** A cgroup in name only: this test need not be in a unit. */
class NoCgroup extends Cgroup {
  /** The children that were left when it was removed. */
  childrenLeft: number[] | undefined;
  private readonly left = leftovers();

  override get procsFile(): string {
    return "/dev/null";
  }

  override kill(): void {}

  override remove(): void {
    this.childrenLeft = this.left().children;
  }
}

/** The one process of generation 1. */
const FIRST = {
  generation: 1,
  process: 0,
  slot: 0,
  workers: 1,
  isTrial: false,
  weight: 100,
  release: () => ({ variables: {}, directory: null, executable: null, locations: [] }),
};

function launch(cgroup: Cgroup): Launch {
  return {
    command: ["/bin/sleep", "1000"],
    directory: "/",
    envFile: undefined,
    environment: {},
    fileLimit: -1,
    ignoresSigpipe: false,
    fdMap: [],
    fds: () => [],
    stored: () => [],
    fdstoreMax: 0,
    probes: [],
    cgroup: { create: () => cgroup },
    workerLimits: [],
    ready: "fd",
    beforeDrainCommand: undefined,
    stopSignal: "SIGTERM",
    runtimeDirectory: directory.path,
  };
}

test("one that PID 1 has waited for already, as for an orphan, is released like any other", async () => {
  const listener = { onMessage() {}, onReady() {}, onDying() {}, onExit() {}, onProblem() {} };
  let watches = 0;
  const asInit: Outside = {
    ...outside,
    watch: (...args) => {
      if (++watches === 3) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      return outside.watch(...args);
    },
    reap: pidfd => {
      outside.reap(pidfd);
      return outside.reap(pidfd);
    },
  };
  const cgroup = new NoCgroup("/sys/fs/cgroup/none");
  expect(thrown(() => GenerationProcess.start(FIRST, listener, launch(cgroup), asInit)).code).toBe("ENOSPC");
  await eventually(() => expect(cgroup.childrenLeft).toEqual([]));
});

test.each([
  ["its notify socket", 1],
  ["its readiness pipe", 2],
  ["the end of its child, which is killed and waited for", 3],
])("where the kernel grants no watch on %s, nothing is left of a generation", async (_, denied) => {
  const problems: string[] = [];
  const listener = {
    onMessage() {},
    onReady() {},
    onDying() {},
    onExit() {},
    onProblem: (what: string) => void problems.push(what),
  };
  let watches = 0;
  const denying: Outside = {
    ...outside,
    watch: (fd, writable, callback) => {
      if (++watches === denied)
        throw Object.assign(new Error("ENOSPC: no space left on device, epoll_ctl"), { code: "ENOSPC" });
      return outside.watch(fd, writable, callback);
    },
  };
  const cgroup = new NoCgroup("/sys/fs/cgroup/none");
  const left = leftovers();
  expect(thrown(() => GenerationProcess.start(FIRST, listener, launch(cgroup), denying)).code).toBe("ENOSPC");
  // Nobody is there any more whom it could tell anything.
  expect(existsSync(`${directory.path}/notify-1`)).toBe(false);
  await eventually(() => expect(left().children).toEqual([]));
  expect(cgroup.childrenLeft).toEqual([]);
  expect(left().fds).toEqual([]);
  expect(problems).toEqual([]);
});

/** What was said and done by a process, to whoever goes on with it. */
function recorder() {
  const heard: unknown[] = [];
  const listener = {
    onMessage: ({ status }: { status?: string }) => void heard.push(status),
    onReady: () => void heard.push("ready"),
    onDying: () => void heard.push("dying"),
    onExit: (end: unknown) => void heard.push(end),
    onProblem: (what: string) => void heard.push(what),
  };
  return { heard, listener };
}

test("a process that is adopted is heard, signalled and collected, and nothing of it is left", async () => {
  const left = leftovers();
  const { heard, listener } = recorder();
  // After what it says first it waits for a signal, each time.
  const script = `
    import os, signal, socket
    signals = {signal.SIGUSR1, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.connect(os.environ["NOTIFY_SOCKET"])
    ready = int(os.environ["ZERODOWN_READY_FD"])
    notify.send(b"STATUS=started")
    signal.sigwait(signals)
    os.write(ready, b"half a line")
    notify.send(b"STATUS=said while nobody listened")
    signal.sigwait(signals)
    os.write(ready, b"\\n")
    os._exit(signal.sigwait(signals) - signal.SIGTERM + 3)`.replaceAll("\n    ", "\n");
  const { door, close } = doorThatCloses();
  const options = { ...launch(new NoCgroup("")), cgroup: undefined, command: [PYTHON, "-c", script] };
  const first = GenerationProcess.start(FIRST, recorder().listener, options, door);
  close();
  await readable(first.save().notifySocket.fd);
  first.signal("SIGUSR1");
  const second = GenerationProcess.adopt(JSON.parse(JSON.stringify(first.save())), listener, outside);
  expect(second.pid).toBe(first.pid);
  await eventually(() => expect(heard).toEqual(["started", "said while nobody listened"]));
  second.signal("SIGUSR1");
  await eventually(() => expect(heard.slice(2)).toEqual(["ready"]));
  expect(second.hasEnded).toBe(false);
  second.signal("SIGTERM");
  await eventually(() => expect(heard.slice(3)).toEqual([{ status: 3 }]));
  second.release();
  expect(existsSync(`${directory.path}/notify-1`)).toBe(false);
  expect(left()).toEqual({ fds: [], children: [] });
});

test("one that ended while nobody looked is collected by who adopts it", async () => {
  const left = leftovers();
  const { heard, listener } = recorder();
  const { door, close } = doorThatCloses();
  const options = { ...launch(new NoCgroup("")), cgroup: undefined };
  const first = GenerationProcess.start(FIRST, recorder().listener, options, door);
  close();
  first.signal("SIGINT");
  await readable(first.save().pidfd);
  const second = GenerationProcess.adopt(JSON.parse(JSON.stringify(first.save())), listener, outside);
  expect(second.hasEnded).toBe(true);
  await eventually(() => expect(heard).toEqual([{ signal: 2, name: "SIGINT" }]));
  second.release();
  expect(left()).toEqual({ fds: [], children: [] });
});

describe("its weight", () => {
  /** A process in a cgroup that has no files. */
  function start(weight: number): { process: GenerationProcess; problems: string[] } {
    const problems: string[] = [];
    const onProblem = (what: string) => void problems.push(what);
    const listener = { onMessage() {}, onReady() {}, onDying() {}, onExit: () => process.release(), onProblem };
    const cgroup = new NoCgroup("/sys/fs/cgroup/none");
    const process = GenerationProcess.start({ ...FIRST, weight }, listener, launch(cgroup), outside);
    return { process, problems };
  }

  test("where its weight can't be written it runs with the usual one, and the log says so", () => {
    const { process, problems } = start(10);
    expect(problems).toEqual([expect.stringMatching(/^its cgroup doesn't get the weight 10: ENOENT: /)]);
    expect(isAlive(process.pid)).toBe(true);
    process.kill();
  });

  test("a weight that can't be given back is told of", () => {
    const { process, problems } = start(100);
    expect(problems).toEqual([]);
    process.weigh(100);
    expect(problems).toEqual([expect.stringMatching(/^its cgroup doesn't get the weight 100: ENOENT: /)]);
    process.kill();
  });
});
