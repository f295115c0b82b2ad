// Kept connections move to the generation that takes this one's place: what of that concerns the whole process.

import type { Server as HttpServer } from "node:http";
import type { Server } from "node:net";
import { isChild } from "../role.js";
import { onStop, stopping } from "../stop.js";
import type { Track } from "../track.js";
import { Arrival } from "./arrival.js";
import { Channel } from "./channel.js";
import { canHandOver, countRequests } from "./connection.js";
import { Departure, type Moves } from "./departure.js";

const servers = new Map<number, HttpServer>();
const arrivals = new Set<Arrival>();
const departure = new Departure();
let channel: Channel | undefined;

/**
 * Offers to take the connections that others have on the same socket, and to give those of this server away at the stop.
 *
 * @param index that of the server's socket in LISTEN_FDS
 * @returns what the drain is to ask, once it has begun; undefined where the server's connections can't move
 */
export function handOver(server: Server, track: Track, index: number): (() => Moves) | undefined {
  if (!isChild() || !canHandOver(server)) return undefined;
  channel ??= open();
  if (!channel) return undefined;
  countRequests(server);
  servers.set(index, server);
  return () => departure.of(server, index, track.http);
}

function open(): Channel | undefined {
  const opened = Channel.open({
    onSuccessor: fd => departure.add(fd),
    onPredecessor: fd => {
      const arrival = new Arrival(fd, servers, () => arrivals.delete(arrival));
      arrivals.add(arrival);
      if (stopping.aborted) arrival.end();
    },
  });
  if (opened) {
    onStop(() => {
      // The supervisor has said who comes before it told this process to stop.
      opened.read();
      for (const arrival of arrivals) arrival.end();
    });
  }
  return opened;
}
