import { native } from "../native/index.js";

/** Gives back what the work just done needed and the wait for the next doesn't: garbage, free heap, program text. */
export function releaseMemory(): void {
  // There in the command, whose launcher says --expose-gc. Left to itself V8 would let garbage grow to tens of MB.
  globalThis.gc?.();
  native.trim();
}
