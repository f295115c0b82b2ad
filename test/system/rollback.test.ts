// zerodown rollback, beside a real systemd: what served before serves again, and no file changes.

import { readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { TestCommand } from "../support/command.js";
import { BROKEN, deploy, release, WAYS } from "../support/deployments.js";
import { loopback } from "../support/http-load.js";
import { askOnce } from "../support/line-client.js";
import { ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(removeUnits);

const [, way] = WAYS[1]!;

/** One that served the releases of these names, the last one now. */
async function start(...names: string[]) {
  const address = loopback();
  const unit = installApp({
    command: directory => way(directory).command,
    options: directory => way(directory).options!,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  for (const [index, name] of names.entries()) {
    release(unit.directory, name);
    deploy(unit.directory, name);
    await (index === 0 ? unit.start() : unit.reload());
  }
  return { unit, address };
}

async function zerodown(command: string, unit: TestUnit, ...args: string[]) {
  const { status, stdout, stderr } = await new TestCommand(ZERODOWN, [command, "--user", ...args, unit.service]).ended;
  return { status, stdout, stderr };
}

async function onDisk(unit: TestUnit): Promise<boolean> {
  const { generations }: StatusFacts = JSON.parse((await zerodown("status", unit, "--json")).stdout);
  return generations.find(({ state }) => state === "serving")!.release!.onDisk;
}

test("what served before serves again; status says that it isn't on disk; the next reload takes what is", async () => {
  const { unit, address } = await start("one", "two");
  expect(await zerodown("rollback", unit)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^generation 3 \(pid \d+\) serving/),
  });
  expect(await askOnce(address)).toBe("one from generation 3");
  expect(await onDisk(unit)).toBe(false);
  expect((await zerodown("status", unit)).stdout).toMatch(/^ +3 +no .*releases\/one /m);
  expect(readlinkSync(`${unit.directory}/current`)).toBe("releases/two");
  expect(await unit.property("ActiveState")).toBe("active");
  await unit.reload();
  expect(await askOnce(address)).toBe("two from generation 4");
  expect(await onDisk(unit)).toBe(true);
}, 60_000);

test("a second one goes back to where the first came from", async () => {
  const { unit, address } = await start("one", "two");
  await zerodown("rollback", unit);
  expect((await zerodown("rollback", unit)).status).toBe(0);
  expect(await askOnce(address)).toBe("two from generation 4");
});

test("a crash after it starts the same again", async () => {
  const { unit, address } = await start("one", "two");
  await zerodown("rollback", unit);
  process.kill(await unit.serving(3), "SIGKILL");
  expect(await askOnce(address)).toBe("one from generation 4");
});

describe("there is nothing to go back to,", () => {
  test.each([
    ["nothing else has served", async () => start("one")],
    [
      "what was deployed was refused",
      async () => {
        const started = await start("one");
        release(started.unit.directory, "two", BROKEN);
        deploy(started.unit.directory, "two");
        await started.unit.systemctl("reload", started.unit.service);
        return started;
      },
    ],
    [
      "a reload found the same on disk",
      async () => {
        const started = await start("one");
        await started.unit.reload();
        return started;
      },
    ],
  ])("for %s", async (_, begin) => {
    const { unit, address } = await begin();
    const before = await askOnce(address);
    expect(await zerodown("rollback", unit)).toEqual({
      status: 1,
      stdout: "",
      stderr:
        "zerodown: nothing to go back to: no other release than the one that serves has served under this supervisor\n",
    });
    expect(await askOnce(address)).toBe(before);
  });

  test.each([
    ["was deleted", (path: string) => rmSync(path, { recursive: true }), "ENOENT: no such file or directory"],
    ["has another name", (path: string) => renameSync(path, `${path}.old`), "ENOENT: no such file or directory"],
    [
      "was replaced by a file",
      (path: string) => {
        rmSync(path, { recursive: true });
        writeFileSync(path, "");
      },
      "is not a directory",
    ],
  ])("for its directory %s", async (_, spoil, why) => {
    const { unit, address } = await start("one", "two");
    spoil(`${unit.directory}/releases/one`);
    const { status, stderr } = await zerodown("rollback", unit);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^zerodown: the release that served before is gone: /);
    expect(stderr).toContain(why);
    expect(await askOnce(address)).toBe("two from generation 2");
  });
});

test("one that doesn't become ready fails, and what serves goes on", async () => {
  const { unit, address } = await start("one", "two");
  writeFileSync(`${unit.directory}/releases/one/app`, BROKEN);
  const { status, stderr } = await zerodown("rollback", unit);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^zerodown: Reload failed: generation 3 exited with status 3 before it was ready\. Generation 2 /,
  );
  expect(await askOnce(address)).toBe("two from generation 2");
});

test("during a reload that hangs, --replace aborts that, and what serves is started again", async () => {
  const { unit, address } = await start("one");
  release(unit.directory, "two", "#!/bin/sh\nexec sleep 1000\n");
  deploy(unit.directory, "two");
  const reload = unit.systemctl("reload", unit.service);
  await unit.log.next(/generation 2 \(pid \d+\) started/);
  const short = await zerodown("rollback", unit, "--timeout", "100ms");
  expect(short).toMatchObject({
    status: 75,
    stderr: "zerodown: no outcome within 100ms; a rollback that has begun goes on\n",
  });
  expect((await zerodown("rollback", unit, "--replace")).status).toBe(0);
  expect((await reload).status).toBe(1);
  expect(await askOnce(address)).toBe("one from generation 3");
});

test("a unit that isn't there, and too many operands, are errors", async () => {
  const { unit } = await start("one");
  expect((await zerodown("rollback", unit, "other.service")).status).toBe(64);
  await unit.stop();
  expect((await zerodown("rollback", unit)).status).toBe(69);
});
