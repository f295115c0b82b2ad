// What a process has said: what is for the shell is done here, and the rest is for the machine.

import type { Notification } from "../machine/events.js";
import { type Actor, isTrial } from "../machine/state.js";
import type { FdStore } from "../systemd/as-manager/fd-store.js";
import type { NotifyMessage } from "../systemd/as-manager/notify-message.js";
import type { GenerationProcess } from "./generation.js";
import type { Log } from "./log.js";

export interface Speaker {
  readonly process: Pick<GenerationProcess, "complain" | "offer">;
  /** For people. */
  readonly name: string;
  readonly actor: Actor;
}

/** @returns undefined when there is nothing else in the message */
export function hear(
  { store, remove, handsOver, problem, unheeded = [], ...notification }: NotifyMessage,
  fds: readonly number[],
  { process, name, actor }: Speaker,
  { store: kept, log }: { readonly store: Pick<FdStore, "add" | "remove">; readonly log: Log },
): Notification | undefined {
  const complain = (kind: string, what: string) => process.complain(kind, what);
  const { slot, workers } = actor.process;
  // What a trial would store must not get to those that serve.
  if (isTrial(actor.generation) && (store || remove !== undefined)) {
    complain("a trial", "what it stores, or removes, is not heeded in a dry run");
  } else {
    if (remove !== undefined) kept.remove(remove, { slot, workers });
    if (store) kept.add(fds, { ...store, slot }, complain);
  }
  // A trial has none of the service's connections.
  if (handsOver && fds[0] !== undefined && !isTrial(actor.generation)) process.offer(fds[0]);
  if (problem !== undefined) complain(problem.split("=", 1)[0]!, problem);
  if (unheeded.length > 0) log("debug", `${name} sent ${unheeded.join(" ")}: that is for zerodown alone`);
  return Object.keys(notification).length > 0 ? notification : undefined;
}
