// The memory of workers against --max-memory, by their cgroups and by /proc.

import { expect, test } from "@jest/globals";
import type { Address } from "../../../src/machine/events.js";
import { watchMemory } from "../../../src/supervisor/memory.js";
import { Machine } from "../../support/machine.js";

/** What is told at each look, of two workers that serve. */
function look(
  max: number,
  read: ((file: string) => string | undefined) | undefined,
  pid = process.pid,
): [Address, number][] {
  const told: [Address, number][] = [];
  const looks: (() => void)[] = [];
  const { state } = Machine.ofWorkers(2);
  const cgroup = read && { read };
  const supervisor = {
    state,
    processOf: ({ process }: Address) => (process === 0 ? { pid, cgroup } : undefined),
    overLimit: (about: Address, memory: number) => void told.push([about, memory]),
  };
  watchMemory(max, supervisor as unknown as Parameters<typeof watchMemory>[1], {
    after: (_, callback) => {
      looks.push(callback);
      return () => {};
    },
  });
  looks.shift()!();
  // And so on.
  expect(looks).toHaveLength(1);
  return told;
}

test("what a cgroup is charged for counts, without inactive file pages", () => {
  const files: Record<string, string> = {
    "memory.current": "1000\n",
    "memory.stat": "anon 1\ninactive_file 300\nslab 2\n",
  };
  const read = (file: string) => files[file];
  expect(look(699, read)).toEqual([[{ generation: 1, process: 0 }, 700]]);
  expect(look(700, read)).toEqual([]);
});

test("without a cgroup, or its controller, the proportional share of its processes does", () => {
  for (const read of [undefined, () => undefined]) {
    const [[about, memory]] = look(1e6, read) as [[Address, number]];
    expect(about).toEqual({ generation: 1, process: 0 });
    expect(memory).toBeGreaterThan(10e6);
  }
  expect(look(1e12, undefined)).toEqual([]);
});

test("where it can't be read nothing is told", () => {
  expect(look(1, undefined, 2 ** 22 + 1)).toEqual([]);
});
