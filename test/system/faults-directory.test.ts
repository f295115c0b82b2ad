// Working directories that a deployment deletes, replaces, or swaps by a symbolic link.

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { answering, endServices, TestService } from "../support/service.js";

afterEach(endServices);

/** A program that serves the version that it finds in its working directory. */
const FROM_DIRECTORY = answering("@version");

/** A directory with that version in it. */
function release(service: TestService, name: string, version: string): string {
  const path = `${service.path}/${name}`;
  mkdirSync(path, { recursive: true });
  writeFileSync(`${path}/version`, version);
  return path;
}

/** Puts the link in place in one step, as deployments do. */
function link(service: TestService, name: string, target: string): string {
  const path = `${service.path}/${name}`;
  symlinkSync(target, `${path}.new`);
  renameSync(`${path}.new`, path);
  return path;
}

/** How a working directory is given; PWD is what a shell, or systemd, sets. */
const WAYS: [string, (path: string) => { args?: string[]; cwd?: string; env?: NodeJS.ProcessEnv }][] = [
  ["--working-directory", path => ({ args: ["--working-directory", path] })],
  ["the supervisor's own, by $PWD", path => ({ cwd: path, env: { PWD: path } })],
];

describe.each(WAYS)("the working directory, given as %s,", (_, given) => {
  test("is the new one after the link that leads to it was swapped", async () => {
    const service = new TestService();
    release(service, "releases/1", "one");
    release(service, "releases/2", "two");
    const current = link(service, "current", "releases/1");
    await service.start({ program: FROM_DIRECTORY, ...given(current) });
    await service.expectOnly(1, "one");
    link(service, "current", "releases/2");
    rmSync(`${service.path}/releases/1`, { recursive: true });
    expect(await service.reload()).toMatch(/^generation 2 .* serving/);
    await service.expectOnly(2, "two");
  });

  test("is the new one after it was deleted and made again", async () => {
    const service = new TestService();
    const path = release(service, "site", "before");
    await service.start({ program: FROM_DIRECTORY, ...given(path) });
    await service.expectOnly(1, "before");
    rmSync(path, { recursive: true });
    release(service, "site", "after");
    expect(await service.reload()).toMatch(/^generation 2 .* serving/);
    await service.expectOnly(2, "after");
  });

  test.each([
    ["missing", () => {}, "ENOENT: no such file or directory"],
    ["a file", (path: string) => writeFileSync(path, ""), "ENOTDIR: not a directory"],
    ["a link that leads nowhere", (path: string) => symlinkSync("nowhere", path), "ENOENT: no such file or directory"],
  ])("makes a reload fail while it is %s, and the old generation goes on serving", async (_, replace, text) => {
    const service = new TestService();
    const path = release(service, "site", "v1");
    await service.start({ program: FROM_DIRECTORY, ...given(path) });
    rmSync(path, { recursive: true });
    replace(path);
    expect(await service.reload()).toMatch(
      new RegExp(
        `^reload failed after \\S+: generation 2 could not be started: ${text}, chdir '${path}'\\. ` +
          "Generation 1 \\(pid \\d+\\) still serving$",
      ),
    );
    await service.expectOnly(1, "v1");
    rmSync(path, { force: true });
    release(service, "site", "v1");
    await service.expectRecovery(3);
  });
});

test("a $PWD that leads elsewhere is not believed", async () => {
  const service = new TestService();
  const here = release(service, "here", "here");
  const elsewhere = release(service, "elsewhere", "elsewhere");
  await service.start({ program: FROM_DIRECTORY, cwd: here, env: { PWD: elsewhere } });
  await service.expectOnly(1, "here");
});

test("a relative program in a relative --working-directory is looked up again each time", async () => {
  const service = new TestService();
  for (const version of ["1", "2"]) {
    const path = release(service, `releases/${version}`, version);
    symlinkSync("../../app", `${path}/server`);
    symlinkSync("../../answer.py", `${path}/answer.py`);
  }
  link(service, "current", "releases/1");
  const args = ["--working-directory", "current"];
  await service.start({ program: FROM_DIRECTORY, command: ["./server"], cwd: service.path, args });
  await service.expectOnly(1, "1");
  link(service, "current", "releases/2");
  await service.reload();
  await service.expectOnly(2, "2");
});
