import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatTimeSpan, parseTimeSpan } from "../../../src/systemd/formats/time-span.js";

test.each([
  ["90", 90e6],
  ["0", 0],
  ["90s", 90e6],
  ["5min", 300e6],
  ["1h 30min", 5400e6],
  ["1h30min", 5400e6],
  ["1.5s", 1.5e6],
  [".5", 0.5e6],
  ["250ms", 250e3],
  ["7us", 7],
  ["7µs", 7],
  ["7μs", 7],
  ["1d 2w", 15 * 86400e6],
  ["5m", 300e6],
  ["1M", 2629800e6],
  ["1y", 31557600e6],
  [" 5 min ", 300e6],
  ["infinity", Number.POSITIVE_INFINITY],
])("%j is a time span", (text, microseconds) => {
  expect(parseTimeSpan(text)).toBe(microseconds);
});

test.each([
  ["usec us µs μs", 1],
  ["msec ms", 1e3],
  ["seconds second sec s", 1e6],
  ["minutes minute min m", 60e6],
  ["hours hour hr h", 3600e6],
  ["days day d", 86400e6],
  ["weeks week w", 604800e6],
  ["months month M", 2629800e6],
  ["years year y", 31557600e6],
])("the units %s are the same", (names, microseconds) => {
  for (const name of names.split(" ")) expect(parseTimeSpan(`3 ${name}`)).toBe(3 * microseconds);
});

test.each([
  "",
  " ",
  "s",
  "5x",
  "-5",
  "5.",
  "1.2.3",
  "5,5",
  "5 min!",
  "infinitys",
  "5S",
  "5constructor",
  "5 toString",
  "0x10",
  "1e3",
  "99999999999999999999",
  "9".repeat(400),
])("%j isn't a time span, and the error says so and what one is", text => {
  expect(() => parseTimeSpan(text)).toThrow(
    new RangeError(`"${text}" isn't a time span (90, 90s, 5min, 1h 30min, infinity)`),
  );
});

test.each([
  [0, "0us"],
  [7, "7us"],
  [1e3, "1ms"],
  [312_400, "312ms"],
  [999_499, "999ms"],
  [999_500, "1s"],
  [1e6, "1s"],
  [1.25e6, "1.3s"],
  [59.9e6, "59.9s"],
  [59.95e6, "1min"],
  [90e6, "1min 30s"],
  [600e6, "10min"],
  [3599.6e6, "1h"],
  [90061e6, "1d 1h 1min 1s"],
  [Number.POSITIVE_INFINITY, "infinity"],
])("%d µs are written %j", (microseconds, text) => {
  expect(formatTimeSpan(microseconds)).toBe(text);
});

test("what is written reads as nearly the same time", () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e15, noNaN: true }), microseconds => {
      const read = parseTimeSpan(formatTimeSpan(microseconds));
      expect(Math.abs(read - microseconds) / microseconds).toBeLessThanOrEqual(0.5);
      if (microseconds >= 60e6) expect(Math.abs(read - microseconds)).toBeLessThanOrEqual(0.5e6);
    }),
  );
});
