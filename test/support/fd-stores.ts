// An fd store with descriptors of this process, and a list in the place of systemd.

import { closeSync, readlinkSync } from "node:fs";
import { afterEach, beforeEach } from "@jest/globals";
import { native, SOCK_STREAM } from "../../src/native/index.js";
import { FdStore } from "../../src/systemd/as-manager/fd-store.js";

/** What systemd was told, what the log says, and what who stores was told; and the descriptors to close. */
export let outer: string[];
export let changes: string[];
export let problems: string[];
export let opened: number[];

beforeEach(() => {
  [outer, changes, problems, opened] = [[], [], [], []];
});
afterEach(() => {
  for (const fd of opened) closeSync(fd);
});

export function makeStore(max = 10): FdStore {
  const systemd = {
    storeFd: (fd: number, name: string, poll: boolean) =>
      void outer.push(
        `store ${name} ${readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/, "N")}${poll ? "" : " FDPOLL=0"}`,
      ),
    hasStored: (name: string) => void outer.push(`has ${name}`),
    hasLost: (name: string) => void outer.push(`lost ${name}`),
    removeFds: (name: string) => void outer.push(`remove ${name}`),
  };
  return new FdStore(max, systemd, what => changes.push(what));
}

export function add(store: FdStore, fds: readonly number[], name = "stored", poll = true, slot = 0): void {
  store.add(fds, { name, poll, slot }, (_, what) => problems.push(what));
}

export function pipe(): [number, number] {
  const ends = native.pipe();
  opened.push(...ends);
  return ends;
}

/** A connection's server side, and what closes its client. */
export function connected(): { server: number; hangUp: () => void } {
  const name = `@zerodown-test-${process.pid}-${Math.random()}`;
  const listener = native.bindUnix(SOCK_STREAM, name);
  const client = native.connectUnix(SOCK_STREAM, name);
  const { fd: server } = native.accept(listener)!;
  opened.push(listener, server);
  return { server, hangUp: () => closeSync(client) };
}

export function names(store: FdStore): string[] {
  return store.fds.map(({ name }) => name);
}
