// The probe http:/PATH: one GET on a candidate's probe socket.

import type { IncomingMessage, request as Request } from "node:http";
import { createRequire } from "node:module";
import type { ProbeFailure } from "../machine/outcome.js";

/**
 * @param socketPath of the probe socket
 * @param onEnd called once; null: it was answered with 2xx
 * @returns what ends it, so that `onEnd` isn't called any more
 */
export function askHttp(socketPath: string, path: string, onEnd: (failure: ProbeFailure | null) => void): () => void {
  // Only here, because it costs each start 10 ms and an idle supervisor memory.
  const { request } = createRequire(import.meta.url)("node:http") as { request: typeof Request };
  let isWanted = true;
  const end = (failure: ProbeFailure | null) => {
    if (isWanted) onEnd(failure);
    isWanted = false;
    asked.destroy();
  };
  const answered = ({ statusCode = 0, statusMessage }: IncomingMessage) => {
    const isGood = statusCode >= 200 && statusCode < 300;
    end(isGood ? null : { kind: "answered", answer: `${statusCode} ${statusMessage}`.trim() });
  };
  const asked = request({ socketPath, path, agent: false, headers: { "User-Agent": "zerodown" } }, answered);
  // To Node 101 isn't a response.
  asked.on("upgrade", answered);
  // One that is destroyed has errors, too.
  asked.on("error", error => end({ kind: "error", error: error.message }));
  asked.end();
  return () => {
    isWanted = false;
    asked.destroy();
  };
}
