// All candidates, one after another on the same app and load.

import type { Candidate } from "./candidate.js";
import { baseline } from "./candidates/baseline.js";
import { pm2 } from "./candidates/pm2.js";
import { serverStarter } from "./candidates/server-starter.js";
import { systemdRestart } from "./candidates/systemd.js";
import { zerodownLibrary, zerodownRun } from "./candidates/zerodown.js";
import { type Measured, measure } from "./measure.js";

const PEERS: readonly Candidate[] = [
  zerodownRun,
  zerodownLibrary,
  pm2("close"),
  pm2("example"),
  serverStarter("close"),
  serverStarter("example"),
  systemdRestart("close"),
  systemdRestart("example"),
];

/** Measures the baseline first. It names a peer that can't be tried, and leaves it out. */
export async function measureAll(): Promise<[Measured, ...Measured[]]> {
  const all: [Measured, ...Measured[]] = [await announceAndMeasure(baseline)];
  for (const candidate of PEERS) {
    const missing = candidate.missing?.();
    if (missing) {
      console.log(`${candidate.name}: left out: ${missing}`);
      continue;
    }
    try {
      all.push(await announceAndMeasure(candidate));
    } catch (error) {
      console.log(`${candidate.name}: left out: it failed: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  return all;
}

/** Says what is measured, because it takes long. */
function announceAndMeasure(candidate: Candidate): Promise<Measured> {
  console.error(`measuring: ${candidate.name}`);
  return measure(candidate);
}
