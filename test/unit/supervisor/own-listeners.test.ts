// What the log says of a generation that listens by a socket of its own.

import { expect, test } from "@jest/globals";
import type { Elsewhere } from "../../../src/linux/sockets/listeners.js";
import { OwnListeners } from "../../../src/supervisor/elsewhere.js";

const WHAT = "generation 2 listens on 127.0.0.1:3000 by a socket of its own, not of the service";
const CURE =
  "where clients come in it must take the descriptor that is passed ($LISTEN_FDS), or bind with SO_REUSEPORT; ";

function told(...seen: Elsewhere[]): string[] {
  const lines: string[] = [];
  const looked: (readonly number[])[] = [];
  const listensElsewhere = (pids: readonly number[]) => {
    looked.push(pids);
    return seen[looked.length - 1]!;
  };
  const cgroup = (pid: number) => ({ pid, cgroup: { pids: [pid, pid + 1] } });
  const processes = new Map([
    ["1/0", cgroup(10)],
    ["2/1", cgroup(20)],
    ["2/2", cgroup(30)],
  ]);
  const own = new OwnListeners(processes, (priority, text) => lines.push(`${priority} ${text}`), { listensElsewhere });
  for (const _ of seen) own.look(2);
  expect(looked).toEqual(seen.map(() => [20, 21, 30, 31]));
  return lines;
}

test.each<[Elsewhere["migrates"], string]>([
  [false, `warning ${WHAT}: ${CURE}reloads lose clients then without net.ipv4.tcp_migrate_req=1, which is 0 here`],
  [true, `info ${WHAT}: ${CURE}clients that wait move, for net.ipv4.tcp_migrate_req is 1`],
  [
    undefined,
    `warning ${WHAT}: ${CURE}reloads lose clients then without net.ipv4.tcp_migrate_req=1, which this kernel doesn't have`,
  ],
])("where it migrates requests is %s, that is in the line", (migrates, line) => {
  expect(told({ addresses: ["127.0.0.1:3000"], migrates })).toEqual([line]);
});

test("each address is told once, those of several processes too", () => {
  const [one, two] = ["127.0.0.1:3000", "127.0.0.1:3001"];
  const lines = told(
    { addresses: [], migrates: true },
    { addresses: [one, one], migrates: true },
    { addresses: [one, two], migrates: true },
  );
  expect(lines.map(line => /listens on (\S+) by/.exec(line)![1])).toEqual([one, two]);
});
