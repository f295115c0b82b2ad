// stderr, written without waiting for whoever reads it: nobody may, and the supervisor has other things to do.

import { constants, fstatSync, openSync, type Stats, writeSync } from "node:fs";
import { native } from "../native/index.js";

const STDERR = 2;

/** Throws what the system says: EAGAIN where it would have to wait. */
export type Write = (text: string) => void;

/** Non-blocking for us alone: the generations have the same stderr, and hardly any app expects EAGAIN there. */
export function openStderr(): Write {
  const kind = statStderr();
  // The journal's stream.
  if (kind?.isSocket()) return text => native.send(STDERR, text, []);
  if (kind?.isFIFO() || kind?.isCharacterDevice()) return openAgain();
  return text => writeSync(STDERR, text);
}

/**
 * For a process that has begun to supervise. node:net, which probes over HTTP load, looks at process.stderr whenever it
 * closes a socket, and the first look at it makes the descriptor non-blocking, for the generations too.
 */
export function leaveStderrAlone(): void {
  Object.defineProperty(process, "stderr", { value: null });
}

/** Opens stderr as another open file, which has flags of its own. */
function openAgain(): Write {
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    const fd = openSync(`/proc/self/fd/${STDERR}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    return text => writeSync(fd, text);
  } catch {
    // The file is another user's, or there is no /proc. Somebody else may fill it between the two calls, which is rare.
    return text => {
      if (!native.writable(STDERR)) throw Object.assign(new Error("stderr is full"), { code: "EAGAIN" });
      writeSync(STDERR, text);
    };
  }
}

function statStderr(): Stats | undefined {
  try {
    return fstatSync(STDERR);
  } catch {
    return undefined;
  }
}
