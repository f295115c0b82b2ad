// What a process does with a signal, as /proc tells.

import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** SIGABRT, SIGKILL and the like are meant to end it; of the others only those that ask for something are looked at. */
const ASKING = new Set<NodeJS.Signals>(["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"]);

/**
 * Whether a signal that asks for something seems just to end a process: it doesn't handle it, nor ignore it, nor block it as
 * for signalfd(2). (The kernel shows nothing of a process that is in sigwait(3) for it.) Of a process that is gone, or hidden,
 * nothing is known: false.
 */
export function isUnhandled(pid: number, signal: NodeJS.Signals): boolean {
  if (!ASKING.has(signal)) return false;
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const masks = [...status.matchAll(/^Sig(?:Blk|Ign|Cgt):\s*([\da-f]+)$/gm)];
    const bit = 1n << BigInt(constants.signals[signal] - 1);
    return masks.length === 3 && masks.every(([, mask]) => (BigInt(`0x${mask}`) & bit) === 0n);
  } catch {
    return false;
  }
}
