// Waiting for what no event tells of.

import { setTimeout as sleep } from "node:timers/promises";

/** Resolves when the condition holds; a test that waits in vain runs into its time limit. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
