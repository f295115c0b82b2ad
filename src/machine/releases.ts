// Which releases matter: what serves, what served before it, and what was found on disk.

import { candidate, type Generation, type State } from "./state.js";

/** The number of the release that served before this supervisor was started. */
export const REMEMBERED = 0;

/** A release takes over: what served until now is what a rollback goes back to. */
export function succeed({ release: served, before }: State, release: number): Pick<State, "release" | "before"> {
  return { release, before: release === served ? before : served };
}

/**
 * The release that a rollback starts, if it is asked for now; null for none. While something new from the disk is starting, it
 * is that which is to be undone.
 */
export function rollbackRelease(state: State): number | null {
  const starting = candidate(state);
  const isNew = starting?.fromDisk && starting.release !== state.release;
  return isNew ? state.release : state.before;
}

/** Whether it was started from the remembered release because the first start had failed. */
export function hasFallenBack({ cause, release, fromDisk }: Generation): boolean {
  return cause === "start" && release === REMEMBERED && !fromDisk;
}

/** Whether a generation is of no use from anything but its release: what is on disk is taken back, or has just failed. */
export function isIrreplaceable({ generations }: State, number: number): boolean {
  const { cause, fromDisk } = generations.find(generation => generation.number === number)!;
  return cause === "rollback" || (cause === "start" && !fromDisk);
}

/** The releases that something may yet be started from, or compared with. */
export function keptReleases({ generations, release, before, disk }: State): number[] {
  return [...generations.map(generation => generation.release), release ?? disk, before ?? disk, disk];
}
