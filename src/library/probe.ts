// The supervisor's probes reach this process alone, on a socket beside those of the service; the same server answers them.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { isTried, takeProbe } from "./inherited.js";
import { onStop } from "./stop.js";

/** The first server that is there answers what comes on the probe socket, too. */
export async function answerProbes(server: Server): Promise<void> {
  const probe = takeProbe();
  if (!probe) return;
  const { allowHalfOpen = false, pauseOnConnect = false } = server as {
    allowHalfOpen?: boolean;
    pauseOnConnect?: boolean;
  };
  const probes = createServer({ allowHalfOpen, pauseOnConnect }, socket => server.emit("connection", socket));
  const close = () => void probes.close();
  server.once("close", close);
  onStop(close);
  // It must not keep a process that has nothing else to do.
  probes.unref();
  probes.listen({ fd: probe.fd, exclusive: true });
  await once(probes, "listening");
}

/**
 * In a dry run there is no socket of the service: the first server listens on that of the probes, and others where nobody can
 * reach them.
 *
 * @returns whether it is a dry run
 */
export function listenTried(server: Server): boolean {
  if (!isTried()) return false;
  const probe = takeProbe();
  if (probe) {
    server.listen({ fd: probe.fd, exclusive: true });
    return true;
  }
  const directory = mkdtempSync(`${tmpdir()}/zerodown-`);
  server.once("listening", () => rmSync(directory, { recursive: true }));
  server.listen({ path: `${directory}/socket` });
  return true;
}
