// What whoever waits for a reload, or for another number of workers, is told of generations.

import { expect, test } from "@jest/globals";
import { describeGenerations } from "../../../src/cli/reload/describe.js";
import type { GenerationReport } from "../../../src/control/types.js";

/** One that has workers of these states. */
function generation(number: number, state: string, ...workers: string[]): GenerationReport {
  return { number, state, workers: workers.map(state => ({ state })) } as unknown as GenerationReport;
}

test.each<[string, GenerationReport[], string]>([
  ["serve", [generation(1, "serving", "serving", "serving")], "generation 1 (2 workers) serving"],
  [
    "of which one isn't there yet",
    [generation(1, "serving", "serving", "starting")],
    "generation 1 (1 of 2 workers) serving",
  ],
  [
    "of which two are too many",
    [generation(1, "serving", "serving", "serving", "draining", "draining")],
    "generation 1 (2 workers, 2 more draining) serving",
  ],
  [
    "of which one is missing, and one drains",
    [generation(1, "serving", "serving", "starting", "draining")],
    "generation 1 (1 of 2 workers, 1 more draining) serving",
  ],
  [
    "that are replaced",
    [generation(1, "draining", "draining"), generation(2, "serving", "serving", "serving")],
    "generation 2 (2 workers) serving, generation 1 (1 worker) draining",
  ],
])("workers %s", (_, generations, text) => {
  expect(describeGenerations({ generations })).toBe(text);
});
