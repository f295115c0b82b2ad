import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { cutText, textWidth } from "../../../src/cli/status/text-width.js";
import { printable } from "../../../src/systemd/formats/printable.js";

test.each([
  ["", 0],
  ["serving", 7],
  ["é", 1],
  ["e\u0301", 1],
  ["日本語", 6],
  ["한국", 4],
  ["ｶﾅ", 2],
  ["ＡＢ", 4],
  ["🚀", 2],
  ["👩‍👩‍👧", 2],
  ["❤\ufe0f", 2],
  ["…", 1],
])("%j takes %d columns", (text, columns) => {
  expect(textWidth(text)).toBe(columns);
});

test.each([
  ["serving", 7, "serving"],
  ["serving", 6, "servi…"],
  ["serving", 1, "…"],
  ["日本語", 6, "日本語"],
  ["日本語", 5, "日本…"],
  ["日本語", 4, "日…"],
  ["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
  ["serving", Number.POSITIVE_INFINITY, "serving"],
])("%j cut to %d columns is %j", (text, columns, cut) => {
  expect(cutText(text, columns)).toBe(cut);
});

test("what is cut fits, and is as long as can be", () => {
  const characters = fc.constantFrom("a", "é", "e\u0301", "日", "🚀", " ");
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), (parts, columns) => {
      const text = parts.join("");
      const cut = cutText(text, columns);
      expect(textWidth(cut)).toBeLessThanOrEqual(columns);
      if (cut !== text) expect(textWidth(cut)).toBeGreaterThanOrEqual(columns - 1);
    }),
  );
});

test("a terminal finds no command in printable text", () => {
  expect(printable("a\x1b[31mb\u009b31mc\nd\x7fe\tf é")).toBe("a [31mb 31mc d e f é");
});
