// Rules on accept queues: addresses that are listened on several times.

import type { UnitProperties } from "../../systemd/dbus.js";
import type { Facts } from "./facts.js";
import { type Finding, type Rule, shown } from "./finding.js";

/** An address, by the setting and the value of its lines, and how many there are. */
interface Lines {
  readonly setting: string;
  readonly address: string;
  readonly count: number;
}

/** By name, so that each can be tested alone. */
export const QUEUES = {
  repeatedLines({ sockets }) {
    return sockets.flatMap(({ name, properties }) =>
      repeated(properties).flatMap(({ setting, address }): Finding[] => {
        if (isUnix(address)) {
          const loss = address.startsWith("@")
            ? "systemd can't open it twice"
            : "only the last of these lines gets clients";
          const why = `a unix socket has one accept queue: ${loss}`;
          return [{ severity: "error", setting: `${setting} (${name})`, value: address, why }];
        }
        if (properties.ReusePort) return [];
        const loss = setting === "ListenDatagram" ? "one of its lines gets everything" : "systemd can't open it again";
        const why = `${address} is there several times, and without it ${loss}`;
        const fix = { unit: name, section: "Socket", lines: ["ReusePort=yes"] } as const;
        return [{ severity: "error", setting: `ReusePort (${name})`, value: "no", why, fix }];
      }),
    );
  },

  queuesFit(facts) {
    const { start, run, runArguments } = facts;
    const [most] = queuesOf(facts).sort((a, b) => b.count - a.count);
    if (!run || !most) return [];
    const { address, count } = most;
    const { sharesQueues, workers } = run;
    const what = `${address} has ${count} accept queues`;
    const found = (severity: Finding["severity"], why: string): Finding[] => [
      { severity, setting: "ExecStart", value: shown([start.path, ...start.args]), why: `${what}${why}` },
    ];
    if (!sharesQueues) return found("note", ", and without --workers every generation gets all of them");
    if (/--workers[= ]auto/.test(runArguments!.join(" ")))
      return found("note", `, and on fewer CPUs --workers auto is refused: zerodown exits with status 78`);
    if (count > workers)
      return found("error", `, and each takes a worker: with --workers ${workers} zerodown exits with status 78`);
    if (workers % count > 0)
      return found("note", ` for ${workers} workers: some of these share one, and do less than the others`);
    return [];
  },
} satisfies Record<string, Rule>;

/** The addresses that have several, of --listen too. */
function queuesOf({ sockets, run }: Facts): Lines[] {
  const bound = (run?.listen ?? []).map(({ type, name, text }) => [`--listen ${type} ${name}`, text] as const);
  const lines = [...sockets.flatMap(({ properties }) => repeated(properties)), ...count(bound)];
  return lines.filter(({ address }) => !isUnix(address));
}

function repeated({ Listen }: UnitProperties): Lines[] {
  const lines = (Listen ?? []) as [string, string][];
  return count(lines.map(([type, address]) => [`Listen${type}`, address] as const));
}

/** Those that are there several times. */
function count(lines: readonly (readonly [setting: string, address: string])[]): Lines[] {
  const counts = new Map<string, Lines>();
  for (const [setting, address] of lines) {
    const key = `${setting}=${address}`;
    counts.set(key, { setting, address, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].filter(({ count }) => count > 1);
}

function isUnix(address: string): boolean {
  return /^[/@]/.test(address);
}
