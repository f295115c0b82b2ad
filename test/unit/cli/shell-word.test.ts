import { expect, test } from "@jest/globals";
import { shellWord } from "../../../src/cli/check/finding.js";
import { journalMatches } from "../../../src/cli/reload/candidate-output.js";

test.each([
  ["app@x.service", "app@x.service"],
  ["app@foo-bar\\x2dbaz.service", "'app@foo-bar\\x2dbaz.service'"],
  ["it's", "'it'\\''s'"],
])("%s is one word of a shell's", (word, quoted) => {
  expect(shellWord(word)).toBe(quoted);
});

test("the journal is asked for one generation's lines: of this boot, since its start, of its unit", () => {
  const generation = { number: 2, state: "ended" as const, pid: 77, startedAt: 5e6, status: "" };
  const report = { version: "", pid: 1, now: 8e6, status: "", generations: [generation], sockets: [] };
  expect(journalMatches(report, 77, "system", "app.service")).toEqual({
    since: ["--since=-4s"],
    matches: ["--boot", "_PID=77", "_SYSTEMD_UNIT=app.service"],
  });
});
