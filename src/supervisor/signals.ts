// What the supervisor does with the signals that it gets.

import type { Config } from "../machine/config.js";
import type { Happening } from "../machine/events.js";
import type { State } from "../machine/state.js";
import type { Log } from "./log.js";
import type { Outside } from "./outside.js";
import { whyNoMore } from "./room.js";

export interface SignalOptions {
  readonly stopOn: readonly NodeJS.Signals[];
  readonly reloadSignals: readonly NodeJS.Signals[];
  readonly passSignals: readonly NodeJS.Signals[];
  readonly log: Log;
  readonly outside: Pick<Outside, "onSignal" | "whatLacks">;
  readonly config: Pick<Config, "ready" | "surge" | "probes" | "beforeDrain">;
}

/** They ask for one more worker, and for one less, as with other servers that have workers. */
const SCALE_SIGNALS = [
  ["SIGTTIN", 1],
  ["SIGTTOU", -1],
] as const;

/** Makes events of the signals that have a meaning. */
export function takeSignals(options: SignalOptions, state: () => State, happened: (event: Happening) => void): void {
  const { stopOn, reloadSignals, passSignals, log, outside } = options;
  const on = (signal: NodeJS.Signals, event: Happening) => outside.onSignal(signal, () => happened(event));
  for (const signal of reloadSignals)
    on(signal, { type: "reload", asker: null, since: null, replace: false, same: false, release: null });
  for (const signal of stopOn) on(signal, { type: "stop", signal });
  for (const signal of passSignals) on(signal, { type: "pass", signal });
  const taken = [...stopOn, ...reloadSignals, ...passSignals];
  for (const [signal, change] of SCALE_SIGNALS) {
    if (taken.includes(signal)) continue;
    outside.onSignal(signal, () => {
      const workers = state().workers + change;
      const why = workers > 0 ? whyNoMore(workers, state(), options) : "one worker is the least";
      if (why === undefined) happened({ type: "scale", asker: null, workers });
      else log("notice", `${signal} ignored: ${why}`);
    });
  }
  // Left alone, SIGUSR1 would open Node's debugger in the supervisor and SIGUSR2 would end it.
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
    if (taken.includes(signal)) continue;
    outside.onSignal(signal, () =>
      log("notice", `${signal} ignored: --pass-signal ${signal} would pass it on to the app`),
    );
  }
}
