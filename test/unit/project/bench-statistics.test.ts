// make bench makes these figures of its samples.
import { expect, test } from "@jest/globals";
import { now, sinceEpoch, sinceOrigin } from "../../bench/clock.js";
import { inReloads, latency, ratio } from "../../bench/statistics.js";
import { median } from "../../support/median.js";

/** Makes latencies from 1 to count ms, in no order. */
function samples(count: number): { start: number; duration: number }[] {
  return Array.from({ length: count }, (_, index) => ({ start: 0, duration: ((index * 7) % count) + 1 }));
}

test("a percentile is the least value that so many percent don't exceed", () => {
  expect(latency(samples(1000))).toEqual({ p50: 500, p99: 990, "p99.9": 999, max: 1000 });
  expect(latency(samples(10))).toEqual({ p50: 5, p99: 10, "p99.9": 10, max: 10 });
  expect(latency(samples(1))).toEqual({ p50: 1, p99: 1, "p99.9": 1, max: 1 });
});

test("of no request there is no percentile", () => {
  expect(() => latency([])).toThrow("no request was under way");
});

test("times of performance.now() and of bash are converted to those of the common clock", () => {
  const before = now();
  const [own, bashs] = [performance.now(), Date.now() / 1e3];
  const between = now();
  for (const time of [sinceOrigin(own), sinceEpoch(bashs)]) {
    // Date.now() is whole milliseconds.
    expect(time).toBeGreaterThan(before - 2);
    expect(time).toBeLessThan(between + 2);
  }
});

test("a median changes nothing", () => {
  const values = [3, 10, 2];
  expect(median(values)).toBe(3);
  expect(values).toEqual([3, 10, 2]);
});

test("a ratio is taken percentile by percentile", () => {
  const one = { p50: 1, p99: 4, "p99.9": 9, max: 16 };
  const other = { p50: 1, p99: 2, "p99.9": 3, max: 4 };
  expect(ratio(one, other)).toEqual({ p50: 1, p99: 2, "p99.9": 3, max: 4 });
});

test("what was under way from the asking until a second after the new generation serves belongs to the reload", () => {
  const reloads = [
    { asked: 10_000, serving: 10_400 },
    { asked: 20_000, serving: 20_400 },
  ];
  const over = { start: 9990, duration: 9 };
  const underWay = { start: 9990, duration: 10 };
  const stalled = { start: 9000, duration: 5000 };
  const last = { start: 11_400, duration: 1 };
  const after = { start: 11_401, duration: 1 };
  const ofTheNext = { start: 20_001, duration: 1 };
  expect(inReloads([over, underWay, stalled, last, after, ofTheNext], reloads)).toEqual([
    underWay,
    stalled,
    last,
    ofTheNext,
  ]);
  expect(inReloads([underWay], [])).toEqual([]);
});
