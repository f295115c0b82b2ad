// Decides what follows from a message that a process sent to its notify socket.

import type { ProcessEvent } from "./events.js";
import { extension, watchdogLimit } from "./limits.js";
import { log, type Move, tell, update } from "./move.js";
import { saysReady } from "./ready.js";
import type { Actor } from "./state.js";
import { NEVER, setProcessTimer } from "./timers.js";
import { abort, prolong, unwatch, watch } from "./watchdog.js";
import { saysStoppingLine } from "./words.js";

type Message = Extract<ProcessEvent, { type: "notified" }>;

export function notified(move: Move, sender: Actor, message: Message): void {
  const { status, reported, watchdogTimeout } = message;
  let actor = update(move, sender, {
    ...(status === undefined ? {} : { status }),
    ...(reported === undefined ? {} : { reported }),
  });
  if (message.stopping && !actor.process.saidStopping) actor = stopping(move, actor);
  if (message.extend !== undefined) actor = extend(move, actor, message.extend);
  if (watchdogTimeout !== undefined) actor = update(move, actor, { watchdog: watchdogLimit(watchdogTimeout) });
  if (message.watchdog === "trigger") actor = abort(move, actor, null);
  else if (message.watchdog || watchdogTimeout !== undefined) actor = watch(move, actor);
  if (message.ready) saysReady(move, actor, message.posthumous);
}

function stopping(move: Move, actor: Actor): Actor {
  log(move, "info", saysStoppingLine(actor));
  return unwatch(move, update(move, actor, { saidStopping: true }));
}

/** EXTEND_TIMEOUT_USEC=: more time for its watchdog, and for its start or its drain. */
function extend(move: Move, actor: Actor, microseconds: number): Actor {
  const prolonged = prolong(move, actor, microseconds);
  const { duty, state, deadlines } = prolonged.process;
  const isStarting = duty === "starting";
  const isEnding = state === "killing" || state === "dying";
  if (isEnding || !(isStarting || duty === "draining")) return prolonged;
  const timer = isStarting ? "start-timeout" : "stop-timeout";
  // Without a limit there is none to extend.
  const deadline = Math.max(deadlines[timer] ?? NEVER, move.now + microseconds);
  const extended = setProcessTimer(move, prolonged, timer, deadline);
  // systemd waits for a start, a reload or a stop; of a generation that drains at leisure it knows nothing.
  const isAwaited = isStarting ? move.state.reload || !move.state.announced : move.state.phase === "ending";
  if (isAwaited) tell(move, extension(microseconds));
  return extended;
}
