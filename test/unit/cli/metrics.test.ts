// What zerodown metrics makes of what supervisors tell.

import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { FAMILIES, type Sample, type Supervised } from "../../../src/cli/metrics/families.js";
import { formatMetrics } from "../../../src/cli/metrics/text.js";
import { replaceFile } from "../../../src/cli/metrics/write.js";
import type { GenerationFacts, UnitView } from "../../../src/cli/status/facts.js";
import type { StatusReport, WorkerReport } from "../../../src/control/types.js";
import { NO_COUNTS } from "../../../src/machine/counts.js";
import { ROOT, temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(() => directory.remove());

const UNIT = { Id: "app.service", NRestarts: 2 } as UnitView;
const worker = (slot: number, state: WorkerReport["state"]): WorkerReport => {
  return { slot, state, startedAt: 1, status: "", restarts: 0 };
};
const REPORT: StatusReport = {
  version: "1.2.3",
  pid: 800,
  now: 10,
  status: "",
  workers: 2,
  generations: [
    { number: 1, state: "ended", startedAt: 1, status: "" },
    { number: 2, state: "draining", startedAt: 1, status: "" },
    { number: 3, state: "serving", startedAt: 1, status: "", workers: [worker(0, "serving"), worker(1, "waiting")] },
    { number: 4, state: "starting", startedAt: 1, status: "", trial: true },
  ],
  sockets: [],
  counts: {
    ...NO_COUNTS,
    reloads: { succeeded: { count: 3, time: 4_500_000 }, failed: { count: 1, time: 0 } },
    crashes: 7,
  },
};
const GENERATIONS = [
  { number: 1, memory: null, cpu: null },
  { number: 2, memory: 4096, cpu: 1_500_000 },
] as GenerationFacts[];

const sample = (change: Partial<Supervised> = {}, unit = UNIT): Sample => {
  return { unit, supervisor: { report: REPORT, generations: GENERATIONS, older: false, ...change } };
};
/** The lines that have a value, without the unit's label. */
const values = (samples: Sample[]) =>
  formatMetrics(samples)
    .split("\n")
    .filter(line => line !== "" && !line.startsWith("#"))
    .map(line =>
      line
        .replace(/unit="app.service",?/, "")
        .replace("{}", "")
        .replace("zerodown_", ""),
    );

test("numbers, times in seconds, and processes by what they do", () => {
  expect(values([sample()]).filter(line => !line.includes("_ends_"))).toEqual([
    "up 1",
    "restarts_total 2",
    'supervisor_info{version="1.2.3"} 1',
    "supervisor_older 0",
    "generation 3",
    "workers_wanted 2",
    'workers{state="waiting"} 1',
    'workers{state="starting"} 0',
    'workers{state="settling"} 0',
    'workers{state="serving"} 1',
    'workers{state="draining"} 1',
    'reload_duration_seconds_sum{result="succeeded"} 4.5',
    'reload_duration_seconds_count{result="succeeded"} 3',
    'reload_duration_seconds_sum{result="failed"} 0',
    'reload_duration_seconds_count{result="failed"} 1',
    "crashes_total 7",
    'recycled_total{reason="age"} 0',
    'recycled_total{reason="memory"} 0',
    'generation_memory_bytes{generation="2"} 4096',
    'generation_cpu_seconds_total{generation="2"} 1.5',
  ]);
});

test("the CPU time of workers is told of each process: when one has ended, none of the others falls", () => {
  const worker = (slot: number, pid: number | null, cpu: number | null) => ({ slot, pid, cpu });
  const generations = [
    { number: 5, memory: null, cpu: 3e6, workers: [worker(0, 70, 1e6), worker(1, 71, 2e6), worker(1, null, null)] },
  ] as unknown as GenerationFacts[];
  expect(values([sample({ generations })]).filter(line => line.includes("cpu"))).toEqual([
    'generation_cpu_seconds_total{generation="5",worker="0",pid="70"} 1',
    'generation_cpu_seconds_total{generation="5",worker="1",pid="71"} 2',
  ]);
});

test("every kind of end is there from the start, so that its first increase is seen", () => {
  const kinds = values([sample()]).flatMap(line => /_ends_total\{kind="(.*)"\} 0$/.exec(line)?.[1] ?? []);
  expect(kinds).toEqual(Object.keys(NO_COUNTS.ends));
  expect(kinds).toContain("stop-timeout");
});

test("of a unit whose supervisor can't be asked, that; of a supervisor that doesn't count, the rest", () => {
  expect(values([{ unit: UNIT, supervisor: null }])).toEqual(["up 0", "restarts_total 2"]);
  const { counts: _, workers: __, ...old } = REPORT;
  expect(values([sample({ report: old, older: true })])).toEqual([
    ...["up 1", "restarts_total 2", 'supervisor_info{version="1.2.3"} 1', "supervisor_older 1", "generation 3"],
    ...["waiting", "starting", "settling", "serving", "draining"].map(state =>
      expect.stringMatching(`^workers\\{state="${state}"`),
    ),
    ...['generation_memory_bytes{generation="2"} 4096', 'generation_cpu_seconds_total{generation="2"} 1.5'],
  ]);
});

test("all units of a metric are together, below its help and type, and a label may hold anything", () => {
  const other = { ...UNIT, Id: 'a"\\\n.service' };
  expect(formatMetrics([sample(), sample({}, other)])).toMatch(
    /^# HELP zerodown_up .+\n# TYPE zerodown_up gauge\nzerodown_up\{unit="app\.service"\} 1\nzerodown_up\{unit="a\\"\\\\\\n\.service"\} 1\n# HELP/,
  );
  expect(formatMetrics([])).toBe("");
});

test("docs/metrics.md has each metric, with its type, and the alerts use no other", () => {
  const page = readFileSync(`${ROOT}docs/metrics.md`, "utf8");
  const rows = [...page.matchAll(/^\| `(zerodown_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [name, type]);
  expect(rows).toEqual(FAMILIES.map(({ name, type }) => [name, type]));
  const alerts = readFileSync(`${ROOT}docs/examples/alerts.yml`, "utf8");
  const used = [...alerts.matchAll(/zerodown_\w+/g)].map(([name]) => name.replace(/_count$/, ""));
  expect(used.length).toBeGreaterThanOrEqual(5);
  expect(used.filter(name => !FAMILIES.some(family => family.name === name))).toEqual([]);
  const named = [...alerts.matchAll(/alert: (\w+)/g)].map(([, name]) => name!);
  expect([...page.matchAll(/^\| (Zerodown\w+) \|/gm)].map(([, name]) => name)).toEqual(named);
});

test("a file is replaced in one step, readable for others; a link that waits for its draft leads nowhere", () => {
  const path = `${directory.path}/zerodown.prom`;
  writeFileSync(`${directory.path}/other`, "untouched");
  symlinkSync(`${directory.path}/other`, `${path}.${process.pid}`);
  const umask = process.umask(0o077);
  replaceFile(path, "one");
  replaceFile(path, "two");
  process.umask(umask);
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readFileSync(`${directory.path}/other`, "utf8")).toBe("untouched");
  expect(readdirSync(directory.path).sort()).toEqual(["other", "zerodown.prom"]);
});

test("one that can't be replaced is named, and no draft stays", () => {
  mkdirSync(`${directory.path}/taken.prom/full`, { recursive: true });
  expect(() => replaceFile(`${directory.path}/taken.prom`, "")).toThrow(
    /^--output \S+taken\.prom: it is there, and isn't a file$/,
  );
  symlinkSync("elsewhere", `${directory.path}/link.prom`);
  expect(() => replaceFile(`${directory.path}/link.prom`, "")).toThrow(/link\.prom: it is there, and isn't a file$/);
  expect(() => replaceFile(`${directory.path}/${"x".repeat(255)}`, "")).toThrow(/^--output \S+: ENAMETOOLONG/);
  expect(() => replaceFile(`${directory.path}/nowhere/x.prom`, "")).toThrow(
    expect.objectContaining({ exitStatus: 73 }),
  );
  expect(readdirSync(directory.path).filter(name => name.includes(`${process.pid}`))).toEqual([]);
});
