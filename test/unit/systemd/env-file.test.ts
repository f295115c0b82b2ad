// test/system/env-file.test.ts compares with the real systemd; here is what needs none.

import { expect, test } from "@jest/globals";
import { parseEnvFile } from "../../../src/systemd/formats/env-file.js";

test.each([
  ["a plain value", "A=1\nB=two words \n", { A: "1", B: "two words" }],
  ["no newline at the end", "A=1", { A: "1" }],
  ["an empty file", "", {}],
  ["an empty value", "A=\nB=''", { A: "", B: "" }],
  ["blanks around the name and the value", " \tA \t= \t1 \t\n", { A: "1" }],
  ["comments", "# A=1\n ; B=2\nC=3 # no comment\n", { C: "3 # no comment" }],
  ["quotes in comments", `# A="\nB=1\n; A='\nC=2\n`, { B: "1", C: "2" }],
  ["a comment that ends in a backslash", "# x \\\nA=1\n", { A: "1" }],
  ["a backslash inside a comment", "# a\\b\nA=1\n", { A: "1" }],
  ["single quotes", `A=' $x "y" \\n '`, { A: ` $x "y" \\n ` }],
  ["double quotes", `A=" \\"x\\" \\\\ \\$ \\n "`, { A: ` "x" \\ $ \\n ` }],
  ["quotes over several lines", `A='1\n2'\nB="1\n2"\n`, { A: "1\n2", B: "1\n2" }],
  ["quotes that are not closed", `A="1\nB=2`, { A: "1\nB=2" }],
  ["quoted parts in a row, and text behind them", `A='a' "b"c`, { A: "abc" }],
  ["quotes inside a plain value", `A=it's`, { A: "it's" }],
  ["continuations", 'A=1\\\n2\nB="1\\\n2"\n', { A: "12", B: "12" }],
  ["a blank before a backslash", "A=1  \\\n  \nB=\\ \nC=1 \\", { A: "1  ", B: " ", C: "1 " }],
  ["CRLF", 'A=1\r\nB="2"\r\n\r\nC=3\r\n', { A: "1", B: "2", C: "3" }],
  ["names that are none", "1A=x\nA-B=x\nexport C=x\n=x\nA\u00a0=x\n\ufeffB=x\n", {}],
  ["lines that assign nothing", "A\n\nB=1\n", { B: "1" }],
  ["a name at the end", "A=1\nB", { A: "1" }],
  ["duplicates: the last one counts", "A=1\nB=2\nA=3", { A: "3", B: "2" }],
  ["blanks that systemd takes for text", "A=\u00a0x\u2003\n", { A: "\u00a0x\u2003" }],
])("%s", (_, text, variables) => {
  expect(parseEnvFile(text)).toEqual(variables);
});

test("what is left out is told, with its line and without its value", () => {
  const told: string[] = [];
  const file = `export A=secret
# a comment without an equals sign
B="two
lines"
no assignment
a-b=secret
 =secret
C=1\\
2
1D = 'secret'
D`;
  expect(parseEnvFile(file, what => told.push(what))).toEqual({ B: "two\nlines", C: "12" });
  expect(told).toEqual([
    `line 1: "export A" isn't a variable's name, but "A" without "export" would be`,
    "line 5 assigns nothing",
    `line 6: "a-b" isn't a variable's name`,
    "line 7 assigns nothing",
    `line 10: "1D" isn't a variable's name`,
    "line 11 assigns nothing",
  ]);
});
