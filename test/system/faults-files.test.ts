// No space, or no right to write, where the supervisor makes its sockets; and a runtime directory that somebody removes.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { answering, endServices, TestService } from "../support/service.js";

const mounts: string[] = [];

afterEach(async () => {
  for (const path of mounts.splice(0)) execFileSync("umount", ["--lazy", path]);
  await endServices();
});

/** A service whose $RUNTIME_DIRECTORY is a file system of its own, with room for some files. */
function onSmallDisk(): { service: TestService; run: string } {
  const service = new TestService();
  const run = `${service.path}/run`;
  execFileSync("mount", ["-t", "tmpfs", "-o", "nr_inodes=20", "tmpfs", run]);
  mounts.push(run);
  return { service, run };
}

/** @returns what makes room again */
function fill(path: string): () => void {
  mkdirSync(`${path}/full`);
  expect(() => {
    for (let count = 0; ; count++) writeFileSync(`${path}/full/${count}`, "");
  }).toThrow("ENOSPC");
  return () => rmSync(`${path}/full`, { recursive: true });
}

function remount(path: string, mode: "ro" | "rw"): void {
  execFileSync("mount", ["-o", `remount,${mode}`, path]);
}

/** The reload that fails because of that. */
async function expectFailure(service: TestService, text: string): Promise<void> {
  expect((await service.reload()).replace(service.path, "DIRECTORY")).toMatch(
    new RegExp(
      `^reload failed after \\S+: generation 2 could not be started: ${text}, \\w+ 'DIRECTORY/run/zerodown-\\d+/notify-2'\\. ` +
        "Generation 1 \\(pid \\d+\\) still serving$",
    ),
  );
  expect(await service.ask()).toBe("v1 from generation 1");
}

describe("a reload fails, the old generation serves, and the next reload works again when the runtime directory was", () => {
  test("full (ENOSPC)", async () => {
    const { service, run } = onSmallDisk();
    await service.start();
    const makeRoom = fill(run);
    await expectFailure(service, "ENOSPC: no space left on device");
    makeRoom();
    await service.expectRecovery(3);
  });

  test("read-only (EROFS)", async () => {
    const { service, run } = onSmallDisk();
    await service.start();
    remount(run, "ro");
    await expectFailure(service, "EROFS: read-only file system");
    remount(run, "rw");
    await service.expectRecovery(3);
  });
});

test("a runtime directory that turns read-only keeps nobody from a stop", async () => {
  const { service, run } = onSmallDisk();
  await service.start();
  remount(run, "ro");
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
});

test("a runtime directory that is removed costs reloads until a restart, and no request", async () => {
  const service = await new TestService().start();
  rmSync(`${service.path}/run/zerodown-${service.supervisor.pid}`, { recursive: true });
  await expectFailure(service, "ENOENT: no such file or directory");
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
  await service.start();
  await service.expectRecovery(2);
});

test("a full disk at the start ends the supervisor with EX_CANTCREAT, for systemd to try again", async () => {
  const { service, run } = onSmallDisk();
  const makeRoom = fill(run);
  service.deploy(answering("v1"));
  const supervisor = service.launch({});
  expect(await supervisor.ended).toEqual({ status: 73, signal: null });
  expect(supervisor.log.lines.at(-1)).toMatch(/^zerodown: ENOSPC: no space left on device, mkdir /);
  makeRoom();
  await service.start();
});

test("a read-only $RUNTIME_DIRECTORY at the start is passed over for the next place that is writable", async () => {
  const { service, run } = onSmallDisk();
  remount(run, "ro");
  const next = `${service.path}/next`;
  mkdirSync(next);
  await service.start({ env: { XDG_RUNTIME_DIR: next } });
  expect(existsSync(`${next}/zerodown-${service.supervisor.pid}/notify-1`)).toBe(true);
});
