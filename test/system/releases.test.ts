// A crash is no deploy: with a real systemd, deployments that are refused, and crashes after that.

import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { BROKEN, deploy, release, WAYS, type Way } from "../support/deployments.js";
import { loopback } from "../support/http-load.js";
import { askOnce } from "../support/line-client.js";
import { ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(removeUnits);

/** One that serves the release "one". */
async function start(way: Way, more: (directory: string) => string = () => "") {
  const address = loopback();
  const unit = installApp({
    command: directory => way(directory).command,
    options: directory => `${way(directory).options ?? ""} ${more(directory)}`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  const first = release(unit.directory, "one");
  deploy(unit.directory, "one");
  await unit.start();
  expect(await askOnce(address)).toBe("one from generation 1");
  return { unit, address, first };
}

/** A deployment of what never becomes ready: systemd says that the reload failed. */
async function deployBroken(unit: TestUnit): Promise<void> {
  release(unit.directory, "two", BROKEN);
  deploy(unit.directory, "two");
  expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
}

function status(unit: TestUnit): StatusFacts {
  return JSON.parse(execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" }));
}

function pidOf(unit: TestUnit): number {
  return status(unit).generations.find(({ state }) => state === "serving")!.pid!;
}

const [[, way]] = WAYS as [(typeof WAYS)[0]];

describe.each(WAYS)("a release that is started by %s", (_, way) => {
  test("serves again at once when it crashes after another one was refused; clients wait", async () => {
    const { unit, address } = await start(way);
    await deployBroken(unit);
    process.kill(pidOf(unit), "SIGKILL");
    expect(await askOnce(address)).toBe("one from generation 3");
    await unit.serving(3);
    process.kill(pidOf(unit), "SIGKILL");
    expect(await askOnce(address)).toBe("one from generation 4");
    expect(await unit.property("NRestarts")).toBe("0");
    // What is on disk is for the next reload.
    release(unit.directory, "two");
    await unit.reload();
    expect(await askOnce(address)).toBe("two from generation 5");
  });
});

test("a worker that crashes is replaced by the same release, whatever was refused", async () => {
  const { unit, address } = await start(way, () => "--workers 2");
  await deployBroken(unit);
  const { workers } = status(unit).generations.find(({ state }) => state === "serving")!;
  for (const { pid } of workers!) process.kill(pid!, "SIGKILL");
  await unit.log.next(/worker 0 of generation 1 .* serving/);
  await unit.log.next(/worker 1 of generation 1 .* serving/);
  expect(await askOnce(address)).toBe("one from generation 1");
});

describe("status", () => {
  test("shows what each generation was started from, and whether that is on disk", async () => {
    const { unit, first } = await start(way);
    const found = (number: number) =>
      status(unit).generations.find(generation => generation.number === number)!.release;
    expect(found(1)).toMatchObject({ number: 1, directory: first, onDisk: true, arguments: ["python3", "-IS", "app"] });
    await deployBroken(unit);
    expect(found(1)).toMatchObject({ number: 1, onDisk: false });
    const text = execFileSync(ZERODOWN, ["status", "--user", unit.service], { encoding: "utf8" });
    expect(text).toMatch(new RegExp(`GEN +ON DISK +DIRECTORY +COMMAND\n +1 +no +${first} +python3 -IS app$`, "m"));
  });

  test("names the variables of --env-file, and no value", async () => {
    const { unit } = await start(way, directory => {
      writeFileSync(`${directory}/secrets`, "PASSWORD=hunter2\n");
      return `--env-file ${directory}/secrets`;
    });
    expect(status(unit).generations[0]!.release!.variables).toEqual(["PASSWORD"]);
    expect(execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" })).not.toMatch(
      /hunter2/,
    );
  });
});

describe("where the directory of the release that crashed", () => {
  test.each([
    ["was deleted", (path: string) => rmSync(path, { recursive: true }), "ENOENT: no such file or directory"],
    [
      "was replaced by a file",
      (path: string) => {
        rmSync(path, { recursive: true });
        writeFileSync(path, "");
      },
      "is not a directory",
    ],
    ["lost its program", (path: string) => rmSync(`${path}/app`), "ENOENT: no such file or directory"],
  ])("%s, what is on disk is started, and the log says so", async (_, spoil, why) => {
    const { unit, address, first } = await start(WAYS[1]![1]);
    const pid = pidOf(unit);
    release(unit.directory, "two");
    deploy(unit.directory, "two");
    spoil(first);
    process.kill(pid, "SIGKILL");
    expect(await askOnce(address)).toBe("two from generation 2");
    const line = await unit.log.next(/its release is gone/);
    expect(line).toContain(why);
    expect(line).toMatch(/^zerodown: generation 2.*: its release is gone \(.*\): what is on disk now is started$/);
    expect(status(unit).generations[0]!.release).toMatchObject({ directory: `${unit.directory}/releases/two` });
  });
});
