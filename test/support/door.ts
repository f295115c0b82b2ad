import { type Outside, outside } from "../../src/supervisor/outside.js";

/**
 * The door of a program that executes another one: once it is closed, nothing that happens comes through it any more, and
 * the descriptors stay open.
 */
export function doorThatCloses(): { door: Outside; close: () => void } {
  const stops: (() => void)[] = [];
  const noted = (stop: () => void) => {
    stops.push(stop);
    return stop;
  };
  const door: Outside = {
    ...outside,
    watch: (...args) => noted(outside.watch(...args)),
    after: (...args) => noted(outside.after(...args)),
  };
  const close = () => {
    for (const stop of stops) stop();
  };
  return { door, close };
}
