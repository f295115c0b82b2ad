// Generations that can't be started at all: the one before goes on serving, and the log says why.

import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { afterEach, describe, expect, test } from "@jest/globals";
import { closeManagerSockets, ManagerSocket } from "../support/manager-socket.js";
import { limit, nextFds, virtualMemory } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";
import { Shim } from "../support/shim.js";

afterEach(async () => {
  await endServices();
  closeManagerSockets();
});

/** Nobody's: the limit of processes counts all of a user's, and root has none. */
const UID = 61234;

/** Asserts all that is promised when generation 2 can't be started. */
async function expectFailure(service: TestService, text: string): Promise<void> {
  const result = await service.reload();
  expect(result.replace(service.path, "DIRECTORY")).toMatch(
    new RegExp(
      `^reload failed after \\S+: generation 2 could not be started: ${text}\\. Generation 1 \\(pid \\d+\\) still serving$`,
    ),
  );
  expect(service.supervisor.log.matching(/generation 2/)).toHaveLength(1);
  await service.expectOnly(1, "v1");
}

describe("a reload fails and the old generation goes on serving when the executable is", () => {
  test.each([
    ["missing", "rm app", "ENOENT: no such file or directory"],
    ["a directory", "rm app; mkdir app", "EACCES: permission denied"],
    ["not executable", "chmod -x app", "EACCES: permission denied"],
    ["garbage", "printf '\\177ELFgarbage' >app", "ENOEXEC: exec format error"],
    ["empty", ": >app", "ENOEXEC: exec format error"],
    ["a script without its interpreter", "echo '#!/nowhere/sh' >app", "ENOENT: no such file or directory"],
    ["a link to itself", "rm app; ln -s app app", "ELOOP: too many symbolic links encountered"],
  ])("%s", async (_, replace, text) => {
    const service = await new TestService().start();
    execFileSync("sh", ["-c", replace], { cwd: service.path });
    await expectFailure(service, `${text}, execve 'DIRECTORY/app'`);
    rmSync(service.program, { recursive: true, force: true });
    await service.expectRecovery(3);
  });

  test("no longer in PATH", async () => {
    const service = new TestService();
    await service.start({ command: ["app"], env: { PATH: `${service.path}:${process.env.PATH}` } });
    rmSync(service.program);
    await expectFailure(service, "ENOENT: no such file or directory, execve 'app'");
    await service.expectRecovery(3);
  });
});

describe("--env-file", () => {
  test("is read again for each generation", async () => {
    const service = new TestService();
    const file = `${service.path}/env`;
    writeFileSync(file, "VERSION=before\n");
    await service.start({ args: ["--env-file", file], program: answering("$VERSION") });
    await service.expectOnly(1, "before");
    writeFileSync(file, "VERSION=after\n");
    await service.reload();
    await service.expectOnly(2, "after");
  });

  test("that is missing at a reload fails it", async () => {
    const service = new TestService();
    const file = `${service.path}/env`;
    writeFileSync(file, "VERSION=v1\n");
    await service.start({ args: ["--env-file", file], program: answering("$VERSION") });
    rmSync(file);
    await expectFailure(service, "ENOENT: no such file or directory, open 'DIRECTORY/env'");
    writeFileSync(file, "");
    await service.expectRecovery(3);
  });
});

describe("a reload fails and the old generation goes on serving when the system lacks", () => {
  test.each([
    ["descriptors (EMFILE)", 0, "socket 'DIRECTORY/run/zerodown-\\d+/notify-2'"],
    ["descriptors for the child (EMFILE)", 1, "clone 'DIRECTORY/app'"],
  ])("%s", async (_, left, where) => {
    const service = await new TestService().start();
    const { pid } = service.supervisor;
    const restore = limit(pid, "nofile", nextFds(pid)[left]!);
    await expectFailure(service, `EMFILE: too many open files, ${where}`);
    restore();
    await service.expectRecovery(3);
  });

  test("descriptors, the whole of it (ENFILE), and what systemd is to know is said later, in order", async () => {
    const service = new TestService();
    const shim = new Shim(`${service.path}/shim`);
    const manager = new ManagerSocket(`${service.path}/notify`).read();
    await service.start({ env: { ...shim.environment, NOTIFY_SOCKET: manager.address } });
    shim.failSockets(constants.errno.ENFILE);
    await expectFailure(service, "ENFILE: file table overflow, socket 'DIRECTORY/run/zerodown-\\d+/notify-2'");
    shim.failSockets(0);
    await service.expectRecovery(3);
    await manager.lines.next(/^STATUS=Generation 3 \(pid \d+\) serving$/);
    const states = manager.lines.matching(/^(READY|RELOADING)=1/).map(line => line.replace(/=1.*/, ""));
    expect(states).toEqual(["READY", "RELOADING", "READY", "RELOADING", "READY"]);
    shim.close();
  });

  test("memory (ENOMEM)", async () => {
    const service = await new TestService().start();
    const { pid } = service.supervisor;
    const restore = limit(pid, "as", virtualMemory(pid));
    await expectFailure(service, "ENOMEM: not enough memory, clone 'DIRECTORY/app'");
    restore();
    await service.expectRecovery(3);
  });

  test("processes (EAGAIN)", async () => {
    const service = await new TestService().start({ uid: UID, copied: true });
    const restore = limit(service.supervisor.pid, "nproc", 1, UID);
    await expectFailure(service, "EAGAIN: resource temporarily unavailable, clone 'DIRECTORY/app'");
    restore();
    await service.expectRecovery(3);
  });
});

test("a first generation that can't be started ends the supervisor with EX_UNAVAILABLE", async () => {
  const service = new TestService();
  const supervisor = service.launch({ command: ["/nowhere/app"] });
  expect(await supervisor.ended).toEqual({ status: 69, signal: null });
  expect(supervisor.log.lines.at(-1)).toMatch(
    /^zerodown: start failed after \S+: generation 1 could not be started: ENOENT: .*, execve '\/nowhere\/app'\. Giving up$/,
  );
  expect(readdirSync(`${service.path}/run`)).toEqual([]);
});
