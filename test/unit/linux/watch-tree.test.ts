// What is watched after more changes than inotify(7) tells of.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { TreeWatch } from "../../../src/linux/watch-tree.js";
import { temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
let tree: TreeWatch | undefined;
afterEach(() => {
  tree?.close();
  directory.remove();
});

test("a directory that was made again, which nobody was told of, is watched on", async () => {
  const { path } = directory;
  const sub = `${path}/sub`;
  mkdirSync(sub);
  let changed = (_path: string) => {};
  const next = () =>
    new Promise<string>(resolve => {
      changed = resolve;
    });
  tree = new TreeWatch(
    [path],
    path => changed(path),
    error => {
      throw error;
    },
  );
  const first = next();
  // Events wait until this function does; two that are alike, one after the other, are one.
  const most = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8"));
  for (let number = 0; number <= most; number++) writeFileSync(`${path}/${number % 2}`, "");
  rmSync(sub, { recursive: true });
  mkdirSync(sub);
  expect(await first).toBe(`${path}/0`);
  // All that were not left out are read in one go.
  await new Promise(resolve => setTimeout(resolve, 100));
  tree.scan();
  const second = next();
  writeFileSync(`${sub}/a.js`, "");
  expect(await second).toBe(`${sub}/a.js`);
});
