// Apps that call init(): they become zerodown when they start, and until then their unit doesn't name it in ExecStart=.

import { basename } from "node:path";
import { findZerodown } from "./command-line.js";
import type { Facts } from "./facts.js";
import { type Rule, shown } from "./finding.js";

/** Whether it is a Node app that isn't running, and of which only ExecReload= tells that it is to be zerodown's. */
export function isTakenForInitApp({ mainProcess, runArguments, start, reload }: Facts): boolean {
  const isNode = basename(start.path) === "node" || start.args.some(word => /\.[cm]?[jt]s$/.test(word));
  const isReloaded = reload.some(({ path, args }) => findZerodown([path, ...args], "reload") >= 0);
  return isNode && mainProcess === undefined && runArguments === null && isReloaded;
}

/** By name, so that each can be tested alone. */
export const INIT_APPS = {
  stoppedInitApp(facts) {
    if (!isTakenForInitApp(facts)) return [];
    const { start } = facts;
    const why =
      "that isn't zerodown, but ExecReload= is: taken for an app that calls init(). Check it again while it runs, which shows whether it does";
    return [{ severity: "note", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
  },
} satisfies Record<string, Rule>;
