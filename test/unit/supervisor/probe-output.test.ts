// What is kept of a probe's output, in whatever pieces it comes, and that a flood of it costs little.

import { expect, test } from "@jest/globals";
import { ProbeOutput } from "../../../src/supervisor/probe-output.js";

const CUT = "(what else it writes is left out)";
/** What one read takes at most. */
const CHUNK = 65_536;

/** What is made of these pieces, and of the end after them. */
function take(...pieces: readonly (string | Buffer)[]): { lines: string[]; last: string } {
  const lines: string[] = [];
  const output = new ProbeOutput(line => lines.push(line));
  for (const piece of pieces) output.take(Buffer.from(piece));
  output.end();
  return { lines, last: output.last };
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);

test.each([
  ["nothing", "", [], ""],
  ["a line without its end", "fails", ["fails"], "fails"],
  ["blank lines, and those of control characters", "a\n\n \t\n\x1b\x7f\nb\n\n", ["a", "b"], "b"],
  ["colours and UTF-8", "\x1b[31mgr\u00fcn\x1b[0m\n", ["[31mgr\u00fcn [0m"], "[31mgr\u00fcn [0m"],
  ["a long line", `${"x".repeat(1500)}\nafter`, ["x".repeat(1000), "after"], "after"],
  ["as many lines as are logged", `${numbered(100).join("\n")}\n`, numbered(100), "line 100"],
  ["one more", `${numbered(101).join("\n")}`, [...numbered(100), CUT], "line 101"],
  ["many more, and blank ones after them", `${numbered(500).join("\n")}\n\n \n`, [...numbered(100), CUT], "line 500"],
])("%s", (_, text, lines, last) => {
  expect(take(text)).toEqual({ lines, last });
});

test("it makes no difference in which pieces it comes", () => {
  const text = Buffer.from(`${numbered(102).join("\n")}\n \n\nthe \u00fcberlong one   goes on\n \n\x1b\n`);
  const whole = take(text);
  expect(whole).toEqual({ lines: [...numbered(100), CUT], last: "the \u00fcberlong one   goes on" });
  for (let at = 0; at <= text.length; at++) expect(take(text.subarray(0, at), text.subarray(at))).toEqual(whole);
  expect(take(...[...text].map(byte => Buffer.from([byte])))).toEqual(whole);
});

test.each([
  ["one character", "x\n", "x"],
  ["none", "\n", ""],
  ["blanks", " \n", ""],
])("64 MB of lines of %s cost less than 5 s of CPU time", (_, line, last) => {
  const flood = Buffer.from(line.repeat(CHUNK / line.length));
  const before = process.cpuUsage();
  expect(take(...Array.from({ length: 1000 }, () => flood)).last).toBe(last);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(5e6);
});
