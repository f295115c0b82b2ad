// What generations and workers did, and when, as it is seen while somebody watches.

import type { GenerationFacts, StatusFacts, WorkerFacts } from "./facts.js";

/** What a process does, as `status` has it. */
export type Phase = WorkerFacts["state"];

/** A moment: it became ready; it ended as it was told to; it failed, was killed or crashed. */
export type MarkKind = "ready" | "end" | "failure";

/** Times are µs of the supervisor's clock. */
export interface Lane {
  readonly generation: number;
  /** null where the generation is one process. */
  readonly slot: number | null;
  /** In order of time. */
  readonly phases: readonly { readonly phase: Phase; readonly from: number }[];
  readonly marks: readonly { readonly kind: MarkKind; readonly at: number }[];
  readonly endedAt: number | null;
}

interface Seen extends Lane {
  readonly phases: { readonly phase: Phase; readonly from: number }[];
  readonly marks: { readonly kind: MarkKind; readonly at: number }[];
  endedAt: number | null;
  startedAt: number;
}

/** Longer ago than that nothing is of interest here, µs. */
export const LONGEST = 600e6;

export class Timeline {
  private readonly seen = new Map<string, Seen>();

  /** Notes what has changed. What came before the first call is taken to have been as it is then. */
  add({ generations, now }: Pick<StatusFacts, "generations" | "now">): void {
    if (now === null) return;
    for (const generation of generations) {
      if (generation.endedAt === null) this.addRunning(generation, now);
      else this.addEnded(generation, generation.endedAt);
    }
    for (const [key, { endedAt }] of this.seen) if (endedAt !== null && endedAt < now - LONGEST) this.seen.delete(key);
  }

  /** The newest generation first. */
  get lanes(): readonly Lane[] {
    return [...this.seen.values()].sort((a, b) => b.generation - a.generation || (a.slot ?? 0) - (b.slot ?? 0));
  }

  private addRunning(generation: GenerationFacts, now: number): void {
    const { number, workers, startedAt } = generation;
    const processes = workers ?? [{ slot: null, state: generation.state as Phase, startedAt }];
    for (const { slot, state, startedAt } of processes) {
      const lane = this.laneOf(number, slot, startedAt);
      this.enter(lane, state, startedAt, now);
    }
    const slots = new Set(processes.map(({ slot }) => slot));
    for (const lane of this.open(number)) if (!slots.has(lane.slot)) finish(lane, now, false);
  }

  /** Of one that ended before it was watched only that much is known. */
  private addEnded({ number, startedAt, outcome }: GenerationFacts, endedAt: number): void {
    const isFailure = outcome !== null && (outcome.state !== "draining" || outcome.kind === "stop-timeout");
    if (![...this.seen.values()].some(({ generation }) => generation === number)) {
      const lane = this.laneOf(number, null, startedAt);
      const did = outcome?.state ?? "serving";
      lane.phases.push({ phase: did === "draining" ? "serving" : did, from: startedAt });
    }
    for (const lane of this.open(number)) finish(lane, endedAt, isFailure);
  }

  private open(number: number): Seen[] {
    return [...this.seen.values()].filter(({ generation, endedAt }) => generation === number && endedAt === null);
  }

  private laneOf(generation: number, slot: number | null, startedAt: number): Seen {
    const key = `${generation}/${slot}`;
    const lane = this.seen.get(key) ?? { generation, slot, phases: [], marks: [], endedAt: null, startedAt };
    this.seen.set(key, lane);
    return lane;
  }

  private enter(lane: Seen, phase: Phase, startedAt: number, now: number): void {
    const before = lane.phases.at(-1)?.phase;
    const isAnother = startedAt !== lane.startedAt;
    if (before === phase && !isAnother) return;
    // The process in its slot has crashed; in its place another one is to start, or has started.
    if (before !== undefined && before !== "waiting" && (phase === "waiting" || isAnother)) {
      lane.marks.push({ kind: "failure", at: phase === "waiting" ? now : startedAt });
    }
    if (before !== phase) lane.phases.push({ phase, from: before === undefined || isAnother ? startedAt : now });
    lane.startedAt = startedAt;
    const isReady = phase === "settling" || phase === "serving";
    if (isReady && (before === "starting" || before === "waiting")) lane.marks.push({ kind: "ready", at: now });
  }
}

function finish(lane: Seen, at: number, isFailure: boolean): void {
  lane.endedAt = at;
  lane.marks.push({ kind: isFailure ? "failure" : "end", at });
}
