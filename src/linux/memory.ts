import { native } from "../native/index.js";

/** Gives back what the work just done needed and the wait for the next doesn't: garbage, free heap, program text. */
export function releaseMemory(): void {
  // There in the command, whose launcher says --expose-gc. Left to itself V8 would let garbage grow to tens of MB.
  // The second collection packs what survived the first one: 0.8 MB less.
  globalThis.gc?.();
  globalThis.gc?.();
  native.trim();
}
