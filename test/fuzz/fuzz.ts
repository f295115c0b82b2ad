// Fuzzes each target for a while: fuzz.js SECONDS [--keep]. It breeds from inputs that reach new branches; with --keep it
// adds them to the corpus. It always adds one that breaks a promise, so that the test replays it, and then exits with 1.

import { readCorpus, writeCorpus } from "./corpus.js";
import { Coverage } from "./coverage.js";
import { mutate } from "./mutate.js";
import { TARGETS, type Target } from "./targets.js";

const [seconds = "10", keep] = process.argv.slice(2);
const BATCH = 256;
const random = (below: number) => Math.floor(Math.random() * below);

interface Finding {
  readonly input: Buffer;
  readonly error: Error;
}

class Fuzzer {
  /** The inputs that reached something new, in the order in which they were found. */
  readonly inputs: Buffer[] = [Buffer.alloc(0)];
  readonly coverage: Coverage;
  runs = 0;

  constructor(private readonly target: Target) {
    this.coverage = new Coverage(target.files.map(file => `/src/${file}.js`));
  }

  tryAll(batch: readonly Buffer[]): Finding | undefined {
    for (const input of batch) {
      const error = this.tryOne(input);
      if (error) return { input, error };
    }
    if (this.coverage.take().length > 0) this.learn(batch);
    return undefined;
  }

  private tryOne(input: Buffer): Error | undefined {
    this.runs++;
    try {
      this.target.run(input);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** Finds out which input reached something new. V8 takes its time to tell, so we ask it for many, then for each half. */
  private learn(batch: readonly Buffer[]): void {
    for (const input of batch) this.target.run(input);
    const branches = this.coverage.take();
    if (branches.length === 0) return;
    if (batch.length === 1) {
      this.coverage.add(branches);
      this.inputs.push(...batch);
      return;
    }
    const half = Math.ceil(batch.length / 2);
    this.learn(batch.slice(0, half));
    this.learn(batch.slice(half));
  }
}

/** @returns whether nothing was found */
function fuzz(target: Target, milliseconds: number): boolean {
  const kept = readCorpus(target.name);
  const fuzzer = new Fuzzer(target);
  const { inputs, coverage } = fuzzer;
  const end = performance.now() + milliseconds;
  let finding = fuzzer.tryAll([Buffer.alloc(0), ...kept]);
  while (!finding && performance.now() < end) {
    finding = fuzzer.tryAll(Array.from({ length: BATCH }, () => mutate(inputs, target.words, random)));
    if (finding) writeCorpus(target.name, [...kept, finding.input]);
  }
  coverage.close();
  console.log(`${target.name}: ${fuzzer.runs} inputs, ${coverage.size} branches by ${inputs.length} of them`);
  if (finding) console.log(`${JSON.stringify(finding.input.toString("latin1"))}: ${finding.error.stack}`);
  else if (keep) writeCorpus(target.name, inputs.slice(1));
  return !finding;
}

const found = TARGETS.filter(target => !fuzz(target, (Number(seconds) * 1e3) / TARGETS.length));
process.exitCode = found.length > 0 ? 1 : 0;
