// Directories of generations in the supervisor's own: nothing that a killed supervisor left keeps the next one from its place.

import { closeSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  createRuntimeDirectory,
  directoryOf,
  notifySocketIn,
  removeRuntimeDirectory,
} from "../../../src/systemd/as-service/runtime-directory.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let base: string;
let remove: () => void;
beforeEach(() => {
  const { path, remove: removeIt } = temporaryDirectory();
  [base, remove] = [path, removeIt];
});
afterEach(() => remove());

/** Makes one with a generation's directory in it. */
function create() {
  const directory = createRuntimeDirectory({ RUNTIME_DIRECTORY: base }, what => expect(what).toBe(""));
  const own = directoryOf(notifySocketIn(directory.path, 7));
  return { directory, own };
}

function fill(own: string): void {
  mkdirSync(`${own}/a/b`, { recursive: true });
  writeFileSync(`${own}/a/b/file`, "");
}

test("it is removed with the directories of generations", () => {
  const { directory, own } = create();
  fill(own);
  removeRuntimeDirectory(directory);
  expect(readdirSync(base)).toEqual([]);
});

test("what a killed supervisor with that pid left is taken over, and emptied", () => {
  const killed = create();
  fill(killed.own);
  closeSync(killed.directory.fd);
  const { directory, own } = create();
  expect([directory.path, existsSync(own)]).toEqual([killed.directory.path, false]);
  removeRuntimeDirectory(directory);
});
