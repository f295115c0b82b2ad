// A directory is removed with all that is in it, and with nothing that is elsewhere.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { finishRemovals, removeTree, removeTreeInPieces } from "../../../src/linux/remove-tree.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let base: string;
let remove: () => void;
beforeEach(() => {
  const { path, remove: removeIt } = temporaryDirectory();
  [base, remove] = [path, removeIt];
});
afterEach(() => remove());

const fail = (error: Error) => {
  throw error;
};

test("files, directories and names that aren't UTF-8 go; what a link leads to stays", () => {
  mkdirSync(`${base}/tree/a/b`, { recursive: true });
  writeFileSync(`${base}/tree/a/b/file`, "");
  writeFileSync(Buffer.from(`${base}/tree/\xff`, "latin1"), "");
  writeFileSync(`${base}/kept`, "");
  symlinkSync(base, `${base}/tree/up`);
  symlinkSync("/no/such/file", `${base}/tree/dangling`);
  removeTree(`${base}/tree`);
  expect([existsSync(`${base}/tree`), existsSync(`${base}/kept`)]).toEqual([false, true]);
});

function fill(files: number): void {
  mkdirSync(`${base}/tree/a/b`, { recursive: true });
  for (let count = 0; count < files; count++) writeFileSync(`${base}/tree/a/b/${count}`, "");
}

test("in pieces a small one is gone at once; of a large one the loop goes on meanwhile", async () => {
  fill(3);
  removeTreeInPieces(`${base}/tree`, fail);
  expect(existsSync(`${base}/tree`)).toBe(false);
  fill(2000);
  removeTreeInPieces(`${base}/tree`, fail);
  let turns = 0;
  while (existsSync(`${base}/tree`)) {
    await new Promise(resolve => setImmediate(resolve));
    turns++;
  }
  expect(turns).toBeGreaterThan(5);
});

test("what is removed in pieces can be finished at once, and what can't be removed is told of", async () => {
  fill(2000);
  removeTreeInPieces(`${base}/tree`, fail);
  finishRemovals();
  expect(existsSync(`${base}/tree`)).toBe(false);
  await new Promise(resolve => setImmediate(resolve));
  const problems: Error[] = [];
  removeTreeInPieces("/proc/self/fdinfo", error => problems.push(error));
  expect(problems).toHaveLength(1);
});

test("one that isn't there is no error", () => {
  expect(() => removeTree(`${base}/none`)).not.toThrow();
});

test("what is mounted in it isn't touched", () => {
  if (process.getuid!() !== 0) return console.log("left out: only root may mount");
  const script = `
    mkdir -p "$1/tree/mounted"
    mount -t tmpfs tmpfs "$1/tree/mounted"
    touch "$1/tree/mounted/file"
    node --input-type=module --eval '
      const { removeTree } = await import(process.argv[1]);
      try { removeTree(process.argv[2]); } catch ({ message }) { console.log(message); }' "$2" "$1/tree"
    ls "$1/tree/mounted"`;
  const module = new URL("../../../src/linux/remove-tree.js", import.meta.url).pathname;
  const output = execFileSync("unshare", ["--mount", "sh", "-c", script, "sh", base, module], { encoding: "utf8" });
  expect(output).toBe(`something is still mounted at ${base}/tree/mounted\nfile\n`);
});
