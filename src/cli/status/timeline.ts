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
  slot: number | null;
  endedAt: number | null;
  startedAt: number;
}

interface Doing {
  readonly slot: number | null;
  readonly phase: Phase;
  readonly startedAt: number;
}

/** Longer ago than that nothing is of interest here, µs. */
export const LONGEST = 600e6;

export class Timeline {
  private seen: Seen[] = [];

  /** Notes what has changed. What came before the first call is taken to have been as it is then. */
  add({ generations, now }: Pick<StatusFacts, "generations" | "now">): void {
    if (now === null) return;
    for (const generation of generations) {
      if (generation.endedAt === null) this.addRunning(generation, now);
      else this.addEnded(generation, generation.endedAt);
    }
    this.seen = this.seen.filter(({ endedAt }) => endedAt === null || endedAt >= now - LONGEST);
  }

  /** The newest generation first. */
  get lanes(): readonly Lane[] {
    const bySlot = (a: Seen, b: Seen) => (a.slot ?? 0) - (b.slot ?? 0) || a.startedAt - b.startedAt;
    return [...this.seen].sort((a, b) => b.generation - a.generation || bySlot(a, b));
  }

  private addRunning(generation: GenerationFacts, now: number): void {
    const { number, workers, startedAt } = generation;
    const processes = workers ?? [{ slot: null, state: generation.state as Phase, startedAt }];
    const left = new Set(this.open(number));
    const take = (lane: Seen | undefined) => (lane && left.delete(lane) ? lane : undefined);
    // In one slot two may be: one that is too old, and the one that is to replace it.
    const known = processes.map(({ slot, startedAt }) =>
      take([...left].find(lane => isIn(lane, slot) && lane.startedAt === startedAt)),
    );
    for (const [index, { slot, state, startedAt }] of processes.entries()) {
      const lane = known[index] ?? take([...left].find(lane => isIn(lane, slot)));
      this.enter(lane ?? this.addLane(number, slot, startedAt), { slot, phase: state, startedAt }, now);
    }
    for (const lane of left) finish(lane, now, false);
  }

  /** Of one that ended before it was watched only that much is known. */
  private addEnded({ number, startedAt, outcome }: GenerationFacts, endedAt: number): void {
    const isFailure = outcome !== null && (outcome.state !== "draining" || outcome.kind === "stop-timeout");
    if (!this.seen.some(({ generation }) => generation === number)) {
      const lane = this.addLane(number, null, startedAt);
      const did = outcome?.state ?? "serving";
      lane.phases.push({ phase: did === "draining" ? "serving" : did, from: startedAt });
    }
    for (const lane of this.open(number)) finish(lane, endedAt, isFailure);
  }

  private open(number: number): Seen[] {
    return this.seen.filter(({ generation, endedAt }) => generation === number && endedAt === null);
  }

  private addLane(generation: number, slot: number | null, startedAt: number): Seen {
    const lane = { generation, slot, phases: [], marks: [], endedAt: null, startedAt };
    this.seen.push(lane);
    return lane;
  }

  private enter(lane: Seen, { slot, phase, startedAt }: Doing, now: number): void {
    const before = lane.phases.at(-1)?.phase;
    // With another number of workers that is wanted, what was one process is the first of several.
    const isAnother = startedAt !== lane.startedAt && slot === lane.slot;
    lane.slot = slot;
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

function isIn(lane: Lane, slot: number | null): boolean {
  return (lane.slot ?? 0) === (slot ?? 0);
}

function finish(lane: Seen, at: number, isFailure: boolean): void {
  lane.endedAt = at;
  lane.marks.push({ kind: isFailure ? "failure" : "end", at });
}
