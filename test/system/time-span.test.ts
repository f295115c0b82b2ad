// parseTimeSpan() against the real thing: systemd-analyze timespan.

import { execFileSync, spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseTimeSpan } from "../../src/systemd/formats/time-span.js";

const UNITS = ["us", "µs", "ms", "msec", "s", "sec", "second", "m", "min", "minutes", "h", "hr", "d", "week", "M", "y"];

test("random time spans mean to us what they mean to systemd", () => {
  // Not so long that microseconds pass 2^53, where ours are no longer exact.
  const part = fc
    .tuple(fc.nat(90), fc.constantFrom("", ".5", ".25"), fc.constantFrom("", " "), fc.constantFrom(...UNITS, ""))
    // systemd cuts fractions of a microsecond off, we round.
    .map(([whole, fraction, blank, unit]) => `${whole}${/^[uµ]/.test(unit) ? "" : fraction}${blank}${unit}`);
  const texts = fc.sample(
    fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join(" ")),
    200,
  );
  const output = execFileSync("systemd-analyze", ["timespan", "--", ...texts], { encoding: "utf8" });
  const theirs = [...output.matchAll(/μs: (\d+)/g)].map(([, microseconds]) => Number(microseconds));
  expect(texts.map(text => ({ text, microseconds: parseTimeSpan(text) }))).toEqual(
    texts.map((text, index) => ({ text, microseconds: theirs[index] })),
  );
});

test.each(["", "5.", "1.2.3", "5x", "-5", "1,5", "infinitys", "99999999999999999999", "584543y"])(
  "%j is a time span neither to us nor to systemd",
  text => {
    expect(() => parseTimeSpan(text)).toThrow(RangeError);
    expect(spawnSync("systemd-analyze", ["timespan", "--", text]).status).not.toBe(0);
  },
);
