// The drain of a server: it accepts no more connections, and is done when its last one has ended.

import net, { type Server } from "node:net";
import type { Duplex } from "node:stream";
import { drainHttp1 } from "./drain-http1.js";
import { drainHttp2 } from "./drain-http2.js";
import { makeTell, sayGoodbye } from "./goodbye.js";
import type { Moves } from "./handover/departure.js";
import { whenRead } from "./late-data.js";
import { Spread } from "./spread.js";
import type { Track } from "./track.js";

export interface DrainOptions {
  /** ms */
  readonly idleGrace: number;
  readonly stopTimeout: number;
  readonly goodbye: ((socket: Duplex) => void) | undefined;
  /** Over which time the clients of upgraded connections are told, ms. */
  readonly goodbyeSpread: number;
  /** Over which time connections are told to close, ms. */
  readonly spread: number;
  /** Where connections may move. */
  readonly moves: Moves | undefined;
}

/** @returns how many connections had to be cut off */
export async function drain(server: Server, track: Track, options: DrainOptions): Promise<number> {
  const closed = new Promise(resolve => {
    // The close() of node:http would also close connections that are idle at this moment, with requests on their way. The
    // socket stays open elsewhere, so another generation accepts the connections that wait in it.
    net.Server.prototype.close.call(server, resolve);
  });
  const giveUpHandshakes = () => {
    for (const socket of track.handshaking) socket.destroy();
  };
  const handshakeTimer = setTimeout(() => whenRead(giveUpHandshakes), options.idleGrace);
  const spread = new Spread(options.spread);
  const tell = makeTell(options.goodbye);
  const ends = [
    drainHttp1(server, track, { ...options, spread }),
    drainHttp2(server, track, options.idleGrace, spread, tell),
    sayGoodbye(server, track, tell, options.goodbyeSpread),
  ];

  let cutOff = 0;
  const timer = setTimeout(() => {
    cutOff = track.accepted.size;
    for (const session of track.sessions) session.destroy();
    for (const socket of track.accepted) socket.destroy();
  }, options.stopTimeout);
  await closed;
  clearTimeout(timer);
  clearTimeout(handshakeTimer);
  for (const end of ends) end();
  return cutOff;
}
