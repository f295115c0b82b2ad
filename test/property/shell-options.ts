// The options that the world around the supervisor's shell starts it with: what goes out of it is observed.

import type { SupervisorOptions } from "../../src/supervisor/options.js";
import { FdStore } from "../../src/systemd/as-manager/fd-store.js";
import { ScriptedCgroup } from "./scripted-cgroup.js";
import type { Fact, Setting } from "./shell-child.js";
import type { ShellWorld } from "./shell-world.js";

/** How many descriptors generations may store. */
export const STORE_MAX = 6;
/** The kernel queues only so many messages. */
export const MOST_UNREAD = 8;
/** A generation may be so much older than the request that it answers, µs. */
export const SAME_REQUEST = 0.05e6;

export function newStore(): FdStore {
  return new FdStore(STORE_MAX, { storeFd() {}, hasStored() {}, hasLost() {}, removeFds() {} }, () => {});
}

export interface Surroundings {
  readonly setting: Setting;
  readonly directory: string;
  readonly store: FdStore;
  readonly observe: (fact: Fact) => void;
}

export function shellOptions(
  world: ShellWorld,
  { setting: { config, cgroups, hangs }, directory, store, observe }: Surroundings,
): SupervisorOptions {
  return {
    config,
    launch: {
      command: ["app"],
      directory: "/",
      envFile: undefined,
      fileLimit: -1,
      ignoresSigpipe: false,
      environment: { LISTEN_FDS: "9", LISTEN_PID: "1", LISTEN_FDNAMES: "received" },
      fdMap: [],
      fds: () => world.sockets,
      stored: owner => store.fdsOf(owner),
      probes: [],
      fdstoreMax: STORE_MAX,
      cgroup: cgroups ? { create: number => new ScriptedCgroup(number, hangs) } : undefined,
      workerLimits: [],
      ready: config.ready,
      beforeDrainCommand: undefined,
      stopSignal: config.stopSignal as NodeJS.Signals,
      runtimeDirectory: directory,
    },
    outside: world,
    notifier: { send: assignments => observe({ did: "tell", assignments }) },
    store,
    sockets: [],
    listening: () => [],
    files: { note() {}, putBack() {}, putBackNames() {} },
    killStrays: "own",
    unreaped: () => [],
    lastGood: { read: () => undefined, write() {} },
    log: (priority, text) => observe({ did: "log", priority, text }),
    stopOn: ["SIGTERM", "SIGINT"],
    reloadSignals: ["SIGHUP"],
    passSignals: ["SIGUSR1"],
    exit: status => {
      world.exited = true;
      observe({ did: "exit", status });
    },
  };
}
