// What a supervisor is made of, and what it takes to go on where another one has stopped.

import type { Listening } from "../linux/accepting/look.js";
import type { Blocking } from "../linux/sockets/blocking.js";
import type { SocketFiles } from "../linux/sockets/files.js";
import type { Config } from "../machine/config.js";
import type { Address } from "../machine/events.js";
import type { State } from "../machine/state.js";
import type { FdStore } from "../systemd/as-manager/fd-store.js";
import type { Notifier } from "../systemd/as-service/notify.js";
import type { Look } from "./acceptance.js";
import type { SavedProcess } from "./generation.js";
import type { LastGood } from "./last-good.js";
import type { Launch } from "./launch.js";
import type { Outside } from "./outside.js";
import type { SavedProbes } from "./probes.js";
import type { SavedReleases } from "./release.js";
import type { SignalOptions } from "./signals.js";
import type { KillStrays, SavedStrays } from "./strays.js";

export interface SupervisorOptions extends SignalOptions {
  readonly config: Config;
  readonly launch: Launch;
  readonly outside: Outside;
  readonly notifier: Pick<Notifier, "send">;
  readonly store: FdStore;
  /** The sockets that were passed or bound. */
  readonly sockets: readonly number[];
  /** Those of them that listen, and that the process in that slot gets. */
  readonly listening: (slot: number) => readonly Listening[];
  readonly files: Pick<SocketFiles, "note" | "putBack" | "putBackNames">;
  readonly killStrays: KillStrays;
  readonly lastGood: Pick<LastGood, "read" | "write">;
  /** Children that are of no generation, and that others wait for: pids. */
  readonly unreaped: () => readonly number[];
  /** Called last; ends the process. */
  readonly exit: (status: number) => void;
}

/** What it takes to go on where another supervisor has stopped: plain data, which JSON can hold. */
export interface SavedSupervisor {
  readonly state: State;
  readonly lastAsker: number;
  readonly releases: SavedReleases;
  readonly blockingAsReceived: Blocking;
  readonly strays: SavedStrays;
  readonly looks: readonly Look[];
  /** Commands that run. */
  readonly probes: SavedProbes;
  readonly processes: readonly {
    readonly about: Address;
    readonly saved: SavedProcess;
    readonly blockingBefore: Blocking;
  }[];
}
