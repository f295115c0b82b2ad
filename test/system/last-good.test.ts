// The release that served last is remembered across restarts, beside a real systemd: a service whose deployment doesn't start
// comes up with what worked.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { BROKEN, deploy, release, WAYS } from "../support/deployments.js";
import { eventually } from "../support/eventually.js";
import { loopback } from "../support/http-load.js";
import { askOnce } from "../support/line-client.js";
import { ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(removeUnits);

/** A unit that serves the release "one", and what is then deployed, but not started yet, is broken. */
async function start(way = WAYS[1]![1], options = "", service: readonly string[] = []) {
  const address = loopback();
  const unit = installApp({
    command: directory => way(directory).command,
    options: directory => `${way(directory).options ?? ""} ${options}`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    service: directory => [
      ...["StateDirectory=", `Environment=STATE_DIRECTORY=${directory}/state`, "RestartSec=100ms"],
      ...service,
    ],
  });
  mkdirSync(`${unit.directory}/state`);
  release(unit.directory, "one");
  deploy(unit.directory, "one");
  await unit.start();
  expect(await askOnce(address)).toBe("one from generation 1");
  release(unit.directory, "two", BROKEN);
  deploy(unit.directory, "two");
  const file = `${unit.directory}/state/zerodown-last-release.json`;
  // systemd was told first that it serves.
  if (options === "") await eventually(() => statSync(file));
  return { unit, address, file };
}

async function restart(unit: TestUnit): Promise<number> {
  return (await unit.systemctl("restart", unit.service)).status;
}

function status(unit: TestUnit): StatusFacts {
  return JSON.parse(execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" }));
}

describe.each(WAYS)("a release that is started by %s", (_, way) => {
  test("serves after a restart in the place of one that doesn't start; STATUS= and log say so", async () => {
    const { unit, address } = await start(way);
    expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
    expect(await restart(unit)).toBe(0);
    expect(await askOnce(address)).toBe("one from generation 2");
    expect(await unit.property("StatusText")).toMatch(
      /^Start failed: generation 1 exited with status 3 before it was ready\. Generation 2 \(pid \d+\) serving: the release that served last$/,
    );
    await unit.log.next(
      /start failed after .*\. Starting generation 2 from the release that served last, which is remembered$/,
    );
    expect(status(unit).generations.find(({ state }) => state === "serving")!.release).toMatchObject({
      number: 0,
      onDisk: false,
    });
    // A deployment that works is taken by the next reload.
    release(unit.directory, "two");
    await unit.reload();
    expect(await askOnce(address)).toBe("two from generation 3");
  });
});

test("it serves after the supervisor was killed, too", async () => {
  const { unit, address } = await start();
  process.kill(await unit.mainPid(), "SIGKILL");
  // The generation that it leaves may answer until it has drained.
  await eventually(async () => expect(await askOnce(address)).toBe("one from generation 2"));
});

test("StateDirectory= is where it is remembered: zerodown@.service has one", async () => {
  const address = loopback();
  const unit = installApp({
    command: "./app",
    options: directory => `--working-directory ${directory}/current`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  release(unit.directory, "one");
  deploy(unit.directory, "one");
  await unit.start();
  release(unit.directory, "two", BROKEN);
  deploy(unit.directory, "two");
  expect(await restart(unit)).toBe(0);
  expect(await askOnce(address)).toBe("one from generation 2");
  await unit.stop();
  await unit.systemctl("clean", "--what=state", unit.service);
  expect((await unit.systemctl("start", unit.service)).status).toBe(1);
});

test("the file has paths in it and no value, and is its owner's alone; what was refused doesn't get there", async () => {
  const { unit, file } = await start(WAYS[3]![1]);
  const before = readFileSync(file, "utf8");
  expect(Object.keys(JSON.parse(before))).toEqual(["version", "app", "release"]);
  expect(before).toContain(`${unit.directory}/releases/one/app`);
  expect(statSync(file).mode & 0o7777).toBe(0o600);
  await unit.systemctl("reload", unit.service);
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("it is remembered when it has served for --settle", async () => {
  const { unit, file } = await start(WAYS[1]![1], "--settle 4s");
  await unit.stop();
  rmSync(file, { force: true });
  deploy(unit.directory, "one");
  await unit.start();
  expect(() => statSync(file)).toThrow("ENOENT");
  await eventually(() => expect(statSync(file).isFile()).toBe(true));
});

describe("the start fails as it would without, and the log says why,", () => {
  const edited = (change: (json: Record<string, unknown>) => object) => (file: string) =>
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
  test.each<[string, (file: string, unit: TestUnit) => void, RegExp]>([
    ["of a file that is half written", file => writeFileSync(file, '{"version":1,"app'), /ignored: .*JSON/],
    ["of an empty file", file => writeFileSync(file, ""), /ignored: .*JSON/],
    ["of null", file => writeFileSync(file, "null"), /ignored: it has version undefined/],
    [
      "of a newer version's",
      edited(json => ({ ...json, version: 2 })),
      /ignored: it has version 2, and 1 is understood/,
    ],
    ["of another app's", edited(json => ({ ...json, app: "x" })), /ignored: it is of another command or working dir/],
    ["of one without a release", edited(json => ({ ...json, release: 1 })), /ignored: it has no release in it/],
    [
      "of one without arguments",
      edited(json => ({ ...json, release: { ...(json.release as object), locations: [1] } })),
      /ignored: it has no arguments in it/,
    ],
    [
      "of a directory in its place",
      file => {
        rmSync(file);
        mkdirSync(file);
      },
      /ignored: it isn't a file/,
    ],
    [
      "of a link in its place",
      file => {
        renameSync(file, `${file}.old`);
        symlinkSync(`${file}.old`, file);
      },
      /ignored: ELOOP/,
    ],
    ["of what others may write", file => execFileSync("chmod", ["666", file]), /ignored: others may write to it/],
    ["of too much", file => writeFileSync(file, "x".repeat(2 << 20)), /ignored: it has 2097152 bytes/],
  ])("%s", async (_, spoil, why) => {
    const { unit, file } = await start();
    await unit.stop();
    spoil(file, unit);
    expect((await unit.systemctl("start", unit.service)).status).toBe(1);
    await unit.log.next(why);
    expect(unit.log.matching(/exited with status 3 before it was ready\. Giving up$/)).not.toEqual([]);
  });
});

test.each<[string, (path: string) => void, RegExp]>([
  ["was deleted", () => {}, /the release that served before is gone: ENOENT/],
  ["may not be read", path => mkdirSync(path, { mode: 0 }), /the release that served before is gone: EACCES/],
  [
    "is a file now",
    path => writeFileSync(path, ""),
    /the release that served before is gone: .*releases\/one is not a dir/,
  ],
])("the start fails where the release %s; both reasons are told", async (_, replace, why) => {
  // What root itself may not read.
  const { unit } = await start(undefined, "", ["CapabilityBoundingSet=~CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH"]);
  await unit.stop();
  const path = `${unit.directory}/releases/one`;
  rmSync(path, { recursive: true });
  replace(path);
  expect((await unit.systemctl("start", unit.service)).status).toBe(1);
  await unit.log.next(
    /exited with status 3 before it was ready\. Starting generation 2 from the release that served last/,
  );
  await unit.log.next(why);
});

test("where nothing can be written, the log says so, and nothing else changes", async () => {
  const { unit, address, file } = await start();
  await unit.stop();
  rmSync(`${unit.directory}/state`, { recursive: true });
  deploy(unit.directory, "one");
  await unit.start();
  expect(await askOnce(address)).toBe("one from generation 1");
  await unit.log.next(/the release that serves can't be remembered: ENOENT/);
  expect(() => statSync(file)).toThrow("ENOENT");
});
