// Rules on the limits of a unit: during a reload two generations live, and share them.

import { type Rule, serviceFix } from "./finding.js";

/** By name, so that each can be tested alone. */
export const ROOM = {
  tasksMax({ unit, service }) {
    return tooSmall(unit, "TasksMax", service.TasksMax, service.TasksCurrent, 0, "tasks");
  },

  memoryMax({ unit, service, pageCache }) {
    return tooSmall(unit, "MemoryMax", service.MemoryMax, service.MemoryCurrent, pageCache, "bytes");
  },
} satisfies Record<string, Rule>;

/** @param spare what the kernel gives up by itself */
function tooSmall(unit: string, setting: string, limit: unknown, current: unknown, spare: number, what: string) {
  const most = amount(limit);
  const now = amount(current) - spare;
  if (!(Number.isFinite(now) && now > 0 && 2 * now > most)) return [];
  const why = `${now} ${what} are in use now, and a reload needs about as many again for the new generation: it fails, or the kernel kills one`;
  return [
    {
      severity: "warning",
      setting,
      value: String(most),
      why,
      fix: serviceFix(unit, `${setting}=${rounded(3 * now)}`),
    } as const,
  ];
}

/** D-Bus has 2⁶⁴ − 1 for no limit, and for what isn't known. */
function amount(property: unknown): number {
  const value = Number(property ?? 2n ** 64n - 1n);
  return value >= 2 ** 64 ? Number.POSITIVE_INFINITY : value;
}

/** To two digits. */
function rounded(value: number): number {
  const unit = 10 ** Math.max(Math.floor(Math.log10(value)) - 1, 0);
  return Math.ceil(value / unit) * unit;
}
