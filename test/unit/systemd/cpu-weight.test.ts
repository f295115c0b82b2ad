// The weights of cgroups: what is written into which file. That the kernel heeds it: test/vm/scenarios/boot-weight.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, expect, test } from "@jest/globals";
import { Cgroup } from "../../../src/systemd/as-service/cgroup.js";
import { UnitCgroup } from "../../../src/systemd/as-service/unit-cgroup.js";

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

/** A directory that looks like a generation's cgroup with so many workers. */
function group(workers: number, ...files: string[]): string {
  const directory = mkdtempSync(`${tmpdir()}/generation-`);
  made.push(directory);
  const names = Array.from({ length: workers }, (_, slot) => `worker-${slot}`);
  for (const name of names) mkdirSync(`${directory}/${name}`);
  for (const name of [".", ...names]) for (const file of files) writeFileSync(`${directory}/${name}/${file}`, "100");
  return directory;
}

const read = (file: string) => Number(readFileSync(file, "utf8"));

test("the one around those of workers has the sum of theirs", () => {
  const directory = group(4, "cpu.weight", "io.weight");
  new Cgroup(`${directory}/worker-1`).weigh(10);
  expect(["cpu.weight", "io.weight"].map(file => read(`${directory}/worker-1/${file}`))).toEqual([10, 10]);
  expect(["cpu.weight", "io.weight"].map(file => read(`${directory}/${file}`))).toEqual([310, 310]);
});

test("no more than the kernel allows", () => {
  const directory = group(3, "cpu.weight");
  for (const slot of [0, 1, 2]) new Cgroup(`${directory}/worker-${slot}`).weigh(5000);
  expect(read(`${directory}/cpu.weight`)).toBe(10_000);
});

test("one that is one process has its own alone", () => {
  const directory = group(0, "cpu.weight");
  new Cgroup(directory).weigh(10);
  expect(read(`${directory}/cpu.weight`)).toBe(10);
});

test("what can't be read counts as usual", () => {
  const directory = group(2, "cpu.weight");
  rmSync(`${directory}/worker-0/cpu.weight`);
  mkdirSync(`${directory}/worker-0/cpu.weight`);
  new Cgroup(`${directory}/worker-1`).weigh(10);
  expect(read(`${directory}/cpu.weight`)).toBe(110);
});

test("a share that the kernel refuses costs no worker its cgroup, and is no reason why one stays", () => {
  const directory = group(0);
  // Opened for writing, that fails.
  mkdirSync(`${directory}/generation-1/cpu.weight`, { recursive: true });
  const groups = [[1, `${directory}/generation-1`]] as const;
  const unit = UnitCgroup.adopt({ directory, groups, controllers: ["cpu"] });
  const [first, second] = [0, 1].map(slot => unit.create(1, slot));
  expect(second!.directory).toBe(`${directory}/generation-1/worker-1`);
  first!.remove();
  expect(existsSync(first!.directory)).toBe(false);
});

test("without the controller it is an error, and no file is made", () => {
  const directory = group(0);
  expect(() => new Cgroup(directory).weigh(10)).toThrow(/ENOENT/);
});
