// docs/zerodown.1 has the options as the tables of the commands have them.

import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { TABLES } from "../../../src/cli/tables.js";
import { withOptions } from "../../../src/packaging/man-page.js";
import { ROOT } from "../../support/supervisor.js";

const page = readFileSync(`${ROOT}docs/zerodown.1`, "utf8");

test("the man page is as make man writes it", () => {
  expect(withOptions(page)).toBe(page);
});

test("it has every option of every command", () => {
  const options = TABLES.flatMap(({ options }) => Object.keys(options)).filter(option => option !== "help");
  const isShown = (option: string) => page.includes(`\\fB\\-\\-${option.replaceAll("-", "\\-")}\\fR`);
  expect(options.length).toBeGreaterThan(20);
  expect(options.filter(option => !isShown(option))).toEqual([]);
});

test("it can't ask for the options of a command that there isn't", () => {
  expect(() => withOptions('.\\" options: restart\n.\\" end\n')).toThrow('the options of "restart"');
});
