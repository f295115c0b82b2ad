// What is known of an event, by the names that the journal's fields and a hook's variables have.

import type { News } from "../machine/news.js";

/** null: it isn't known. */
export function newsFields({ event, generation, worker, pid, release, duration, result }: News) {
  return {
    ZERODOWN_EVENT: event,
    ZERODOWN_GENERATION: generation,
    ZERODOWN_WORKER: worker,
    ZERODOWN_PID: pid,
    ZERODOWN_RELEASE: release,
    ZERODOWN_DURATION_USEC: duration,
    ZERODOWN_RESULT: result,
  };
}
