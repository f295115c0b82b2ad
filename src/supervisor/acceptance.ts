// Looks whether generations wait for clients on the sockets: for as long as one starts, or for a moment when it begins to serve.
// A look is only at what a generation's own processes do, because the sockets are those of every generation.

import { descendants, type Listening } from "../linux/accepting/look.js";
import type { Effect } from "../machine/effects.js";
import type { Address, Happening, Unseen } from "../machine/events.js";
import { causeOf, isLookedAt, type State } from "../machine/state.js";
import type { Cgroup } from "../systemd/as-service/cgroup.js";
import type { Outside } from "./outside.js";
import type { ProbeSocket } from "./probe-socket.js";

/** The pauses between two looks, ms: the longer one has been looked at, the longer. */
const SHORTEST = 5;
const LONGEST = 50;
/** A look at very many processes takes at most a fifth of the time. */
const REST = 4;

export type Look = Extract<Effect, { type: "look" }>;

/** Whose processes are looked at. */
export interface Looked {
  readonly pid: number;
  readonly cgroup: Pick<Cgroup, "pids"> | undefined;
}

interface Awaited extends Looked {
  readonly probeSocket: Pick<ProbeSocket, "listening"> | undefined;
  readonly hasEnded: boolean;
}

export class Acceptance {
  /** What ends each look that is under way, by "generation/process". */
  private readonly running = new Map<string, () => void>();
  /** Those looks, as they were begun. */
  private readonly looks = new Map<string, Look>();

  /**
   * @param sockets those of the process in that slot
   * @param state as it is now: it tells whether a look still means something
   * @param happened called with what is seen
   */
  constructor(
    private readonly sockets: (slot: number) => readonly Listening[],
    private readonly outside: Pick<Outside, "after" | "now" | "lookForWaiting" | "releaseMemory">,
    private readonly state: () => State,
    private readonly happened: (event: Happening) => void,
  ) {}

  /** The looks that are under way: plain data, which JSON can hold. Whoever goes on begins them again. */
  save(): Look[] {
    return [...this.looks.values()];
  }

  /** A look is under way; memory is released at its end. */
  get isLooking(): boolean {
    return this.running.size > 0;
  }

  /** Looks again and again, until each socket has been seen to be waited on. One look at a time. */
  begin(look: Look, process: Awaited): void {
    const { generation, process: number, slot, patience, goesOn } = look;
    const about = { generation, process: number };
    const key = keyOf(about);
    if (this.running.has(key)) return;
    this.looks.set(key, look);
    const begun = this.outside.now();
    // A trial has no other socket than that.
    const isTrial = causeOf(this.state(), generation) === "trial";
    const unseen = new Set(isTrial ? [process.probeSocket!.listening] : this.sockets(slot));
    const hidden = new Map<number, number>();
    let isTold = false;
    const round = () => {
      if (!isLookedAt(this.state(), look)) return this.end(about);
      const now = this.outside.now();
      const seen = this.outside.lookForWaiting([...unseen], pidsOf(process));
      for (const socket of seen.sockets) unseen.delete(socket);
      if (unseen.size === 0) {
        this.end(about);
        return this.happened({ type: "accepting", ...about, posthumous: process.hasEnded });
      }
      note(hidden, seen.hidden, now);
      const isDue = now - begun >= patience;
      const lasting = [...hidden].filter(([, since]) => !goesOn || now - since >= patience).map(([pid]) => pid);
      // What is hidden now may be so for a moment only, as the helpers are that run as another user.
      if (goesOn ? lasting.length > 0 || (isDue && !isTold && hidden.size === 0) : isDue) {
        isTold = true;
        this.happened({ type: "unseen", ...about, ...report(unseen, lasting, seen.obstacles) });
      }
      if (isDue && !goesOn) return this.end(about);
      const took = this.outside.now() - now;
      const pause = Math.max(Math.min(Math.max((now - begun) / 1e4, SHORTEST), LONGEST), (took * REST) / 1e3);
      this.running.set(key, this.outside.after(pause, round));
    };
    this.running.set(key, this.outside.after(SHORTEST, round));
  }

  /** Ends the look at that process, if there is one. */
  end(about: Address): void {
    const key = keyOf(about);
    this.looks.delete(key);
    this.running.get(key)?.();
    if (this.running.delete(key)) this.outside.after(1, this.outside.releaseMemory);
  }
}

function keyOf({ generation, process }: Address): string {
  return `${generation}/${process}`;
}

export function pidsOf({ pid, cgroup }: Looked): readonly number[] {
  try {
    return cgroup?.pids ?? descendants(pid);
  } catch {
    // A cgroup below it went away just now; the next look sees what is left.
    return [pid];
  }
}

/** Since when each process has been hidden. */
function note(since: Map<number, number>, hidden: readonly number[], now: number): void {
  for (const pid of since.keys()) if (!hidden.includes(pid)) since.delete(pid);
  for (const pid of hidden) since.set(pid, since.get(pid) ?? now);
}

function report(sockets: ReadonlySet<Listening>, hidden: readonly number[], obstacles: ReadonlySet<string>): Unseen {
  return { sockets: [...sockets].map(({ name }) => name), hidden, obstacles: [...obstacles] };
}
