// The timeline of status --watch: what was seen, and how it is drawn.

import { expect, test } from "@jest/globals";
import type { GenerationFacts, WorkerFacts } from "../../../src/cli/status/facts.js";
import { textWidth } from "../../../src/cli/status/text-width.js";
import { LONGEST, Timeline } from "../../../src/cli/status/timeline.js";
import { formatTimeline, staysTrue } from "../../../src/cli/status/timeline-text.js";

const SECOND = 1e6;
/** Columns for the label, and two for each of ten seconds. */
const WIDTH = 16 + 20;
/** s */
const LONG_AGO = -1000;
const plain = (text: string) => text;

function generation(number: number, state: GenerationFacts["state"], startedAt: number, more = {}): GenerationFacts {
  const none = { pid: 1, status: "", end: null, outcome: null, cgroup: null, release: null };
  const unused = { processes: null, tasks: null, memory: null, cpu: null, openSockets: null };
  return { number, state, startedAt: startedAt * SECOND, endedAt: null, ...none, ...unused, ...more };
}

function ended(number: number, startedAt: number, endedAt: number, state: string, kind = "exit"): GenerationFacts {
  return generation(number, "ended", startedAt, { endedAt: endedAt * SECOND, outcome: { kind, state } });
}

function worker(slot: number, state: WorkerFacts["state"], startedAt: number): Partial<WorkerFacts> {
  return { slot, state, startedAt: startedAt * SECOND };
}

/** What is drawn of reports that came at those seconds; at the last one's time, or later. */
function drawn(
  reports: readonly (readonly [now: number, ...generations: GenerationFacts[]])[],
  { width = WIDTH, rows = 20, now = reports.at(-1)![0] } = {},
): string[] {
  const timeline = new Timeline();
  for (const [now, ...generations] of reports) timeline.add({ now: now * SECOND, generations });
  return formatTimeline(timeline.lanes, now * SECOND, { width, paint: plain }, rows);
}

test("a reload: the new one starts, is ready and serves; the old one drains and ends", () => {
  const lines = drawn([
    [100, generation(1, "serving", LONG_AGO)],
    [102, generation(2, "starting", 102), generation(1, "serving", LONG_AGO)],
    [104, generation(2, "serving", 102), generation(1, "draining", LONG_AGO)],
    [107, generation(2, "serving", 102), ended(1, LONG_AGO, 107, "draining")],
    [109, generation(2, "serving", 102), ended(1, LONG_AGO, 107, "draining")],
  ]);
  expect(lines.slice(0, -1)).toEqual([
    "GEN   STATE     10s ago          now",
    "2     serving        ┄┄┄┄●━━━━━━━━━━",
    "1     ended     ━━━━━━━━━──────┤",
  ]);
  expect(lines.at(-1)).toMatch(/^┄ starting {2}● ready/);
});

test("a candidate that fails, and one that was killed while it drained", () => {
  const reports = [
    [100, generation(2, "serving", LONG_AGO), generation(1, "draining", LONG_AGO)],
    [103, generation(3, "starting", 103), generation(2, "serving", LONG_AGO), generation(1, "draining", LONG_AGO)],
    [
      106,
      ended(3, 103, 106, "starting"),
      generation(2, "serving", LONG_AGO),
      ended(1, LONG_AGO, 105, "draining", "stop-timeout"),
    ],
  ] as const;
  expect(drawn(reports, { now: 108 }).slice(1, -1)).toEqual([
    "3     ended              ┄┄┄┄┄┄✗",
    "2     serving   ━━━━━━━━━━━━━━━━━━━━",
    "1     ended     ─────────────✗",
  ]);
});

test("workers have a line each: one crashes, waits, and another one is started in its slot", () => {
  const lines = drawn(
    [
      [
        100,
        generation(1, "serving", LONG_AGO, {
          workers: [worker(0, "serving", LONG_AGO), worker(1, "serving", LONG_AGO)],
        }),
      ],
      [
        102,
        generation(1, "serving", LONG_AGO, { workers: [worker(0, "serving", LONG_AGO), worker(1, "waiting", 102)] }),
      ],
      [
        104,
        generation(1, "serving", LONG_AGO, { workers: [worker(0, "serving", LONG_AGO), worker(1, "starting", 104)] }),
      ],
      [
        106,
        generation(1, "serving", LONG_AGO, { workers: [worker(0, "serving", LONG_AGO), worker(1, "serving", 104)] }),
      ],
    ],
    { now: 109 },
  );
  expect(lines.slice(1, -1)).toEqual(["1/0   serving   ━━━━━━━━━━━━━━━━━━━━", "1/1   serving   ━━━━━✗···┄┄┄┄●━━━━━━"]);
});

test("a worker that another one replaces, for its age, has a line of its own, and none of them has failed", () => {
  const at = (now: number, ...workers: Partial<WorkerFacts>[]) =>
    [now, generation(1, "serving", LONG_AGO, { workers: [worker(0, "serving", LONG_AGO), ...workers] })] as const;
  const old = (state: WorkerFacts["state"]) => worker(1, state, LONG_AGO);
  const lines = drawn([
    at(100, old("serving")),
    at(102, old("serving"), worker(1, "starting", 102)),
    at(103, old("serving"), worker(1, "starting", 102)),
    at(104, old("draining"), worker(1, "serving", 102)),
    at(107, worker(1, "serving", 102)),
    at(109, worker(1, "serving", 102)),
  ]);
  expect(lines.slice(1, -1)).toEqual([
    "1/0   serving   ━━━━━━━━━━━━━━━━━━━━",
    "1/1   ended     ━━━━━━━━━──────┤",
    "1/1   serving        ┄┄┄┄●━━━━━━━━━━",
  ]);
});

test("one process becomes the first of several, when more are wanted", () => {
  const two = [worker(0, "serving", LONG_AGO), worker(1, "starting", 104)];
  const lines = drawn([
    [100, generation(1, "serving", LONG_AGO)],
    [104, generation(1, "serving", LONG_AGO, { workers: two })],
    [106, generation(1, "serving", LONG_AGO, { workers: [two[0], worker(1, "serving", 104)] })],
  ]);
  expect(lines.slice(1, -1)).toEqual(["1/0   serving   ━━━━━━━━━━━━━━━━━━━━", "1/1   serving                  ┄┄┄┄●"]);
});

test("a worker that is gone before its generation is has drained", () => {
  const both = [worker(0, "draining", LONG_AGO), worker(1, "draining", LONG_AGO)];
  const lines = drawn([
    [100, generation(2, "serving", LONG_AGO), generation(1, "draining", LONG_AGO, { workers: both })],
    [105, generation(2, "serving", LONG_AGO), generation(1, "draining", LONG_AGO, { workers: both.slice(1) })],
  ]);
  expect(lines.slice(2, -1)).toEqual(["1/0   ended     ───────────────────┤", "1/1   draining  ────────────────────"]);
});

test("what ended before anybody watched is drawn as far as it is known", () => {
  const lines = drawn([
    [100, generation(3, "serving", LONG_AGO), ended(2, 92, 94, "starting"), ended(1, LONG_AGO, 95, "draining")],
  ]);
  expect(lines.slice(1, -1)).toEqual([
    "3     serving   ━━━━━━━━━━━━━━━━━━━━",
    "2     ended        ┄┄┄┄✗",
    "1     ended     ━━━━━━━━━┤",
  ]);
});

test("the scale holds all that has changed lately, and what is long ago leaves it", () => {
  const reload = [
    [1000, generation(1, "serving", 0)],
    [1001, generation(2, "starting", 1001), generation(1, "serving", 0)],
    [1002, generation(2, "serving", 1001), ended(1, 0, 1002, "draining")],
  ] as const;
  const titles = [1003, 1015, 1025, 1100, 1400].map(now => drawn(reload, { now, width: 60 })[0]!);
  expect(titles.map(title => /STATE +(.*?) ago/.exec(title)![1])).toEqual(["10s", "20s", "30s", "2min", "10min"]);
  const late = drawn([...reload, [1700, generation(2, "serving", 1001)]], { width: 60 });
  expect(late.slice(1, -1)).toEqual([`2     serving   ${"━".repeat(44)}`]);
});

test("no line is wider than the terminal, and where it is narrow there is none", () => {
  const reports = [[100, generation(2, "starting", 95), generation(1, "serving", 0)]] as const;
  for (let width = 36; width < 200; width += 7) {
    for (const line of drawn(reports, { width })) expect(textWidth(line)).toBeLessThanOrEqual(width);
    expect(drawn(reports, { width })).toHaveLength(4);
  }
  const workers = [worker(9, "serving", 0), worker(127, "serving", 0)];
  const lines = drawn([[100, generation(1234, "serving", 0, { workers })]], { width: 60 });
  expect(lines.slice(0, -1).map(textWidth)).toEqual([60, 60, 60]);
  for (const width of [0, 10, 35, Number.POSITIVE_INFINITY]) expect(drawn(reports, { width })).toEqual([]);
});

test("of more processes than there are lines for, the newest are drawn", () => {
  const workers = Array.from({ length: 30 }, (_, slot) => worker(slot, "serving", 0));
  const lines = drawn([[100, generation(1, "serving", 0, { workers })]], { rows: 10 });
  expect(lines).toHaveLength(10);
  expect(lines.slice(-3, -1)).toEqual([expect.stringMatching(/^1\/6 /), "… and 23 more"]);
});

test("it is drawn again when a column's time is over, and seldom where nothing moves", () => {
  const after = (seconds: number, state: GenerationFacts["state"], width = WIDTH) => {
    const timeline = new Timeline();
    timeline.add({ now: 100 * SECOND, generations: [generation(1, state, 95)] });
    return staysTrue(timeline.lanes, (100 + seconds) * SECOND, width);
  };
  expect(after(0, "starting")).toBe(500);
  expect(after(0, "starting", 316)).toBe(250);
  expect(after(0, "serving", 316)).toBe(1000);
  expect(after(60, "serving")).toBe(6000);
  expect(after(LONGEST / SECOND, "serving")).toBe(10_000);
});
