// Whether a supervisor started this process.

/**
 * Whether this process belongs to a generation: `zerodown run`, or the supervisor that `init()` became, started it or one
 * of its ancestors.
 *
 * @example
 * ```ts
 * import { isChild } from "zerodown";
 *
 * console.log(isChild() ? `generation ${process.env.ZERODOWN_GENERATION}` : "on its own");
 * ```
 */
export function isChild(): boolean {
  return process.env.ZERODOWN_GENERATION !== undefined;
}

/**
 * The opposite of `isChild()`: no supervisor started this process, and `init()` would make it one. After `init()` it is
 * false in every process that still runs JavaScript of the app's.
 *
 * @example
 * ```ts
 * import { isParent } from "zerodown";
 *
 * if (isParent()) console.log("started by hand: there is nobody to reload this");
 * ```
 */
export function isParent(): boolean {
  return !isChild();
}
