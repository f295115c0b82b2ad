// zerodown upgrade between versions that write down what they hand over in different ways, beside a real systemd: what
// isn't understood is refused, whichever of the two runs, and the service goes on.

import { afterEach, describe, expect, test } from "@jest/globals";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { EXAMPLE_APP } from "../support/supervisor.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import { installVersion, installVersioned, unitFacts, upgrade, upgradeTo } from "../support/versions.js";

afterEach(killLoads);
afterEach(removeUnits);

type Change = (program: string) => string;

const increase =
  (number: RegExp): Change =>
  program =>
    program.replace(number, (_, before: string, value: string) => before + (Number(value) + 1));

/** The program with the number of the document's format one higher, where it writes and where it reads. */
const nextFormat = increase(/(\bFORMAT\s*=\s*)(\d+)/);
/** The same for the version of the machine's state. */
const nextState: Change = program => {
  const [, constant] = /\{\s*version:\s*(\w+),\s*state\s*\}/.exec(program)!;
  return increase(new RegExp(`(\\b${constant}\\s*=\\s*)(\\d+)`))(program);
};
/** It hands over something that no other version knows. */
const oneFieldMore: Change = program => program.replace(/format:\s*FORMAT,/, '$&later: "more",');

/** A service of two workers under load, on new and on kept connections. */
async function start(install: (directory: string) => void) {
  const address = loopback();
  const unit = installVersioned({
    command: `node ${EXAMPLE_APP}`,
    options: "--workers 2",
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    service: ["Environment=IDLE_GRACE=500"],
  });
  install(unit.directory);
  await unit.start();
  const loads = [true, false].map(keepAlive => new HttpLoad(address, { clients: 2, keepAlive, pause: 5 }));
  return { unit, loads };
}

/** Reloads once more, and finds that nothing was lost since the start. */
async function expectUnharmed(unit: TestUnit, loads: readonly HttpLoad[]): Promise<void> {
  await unit.reload();
  await Promise.all(loads.map(load => load.answers(2, /generation 2,/)));
  await Promise.all(loads.map(load => load.stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
  expect(Math.min(...loads.map(({ requests }) => requests))).toBeGreaterThan(4);
  expect(unit.log.matching(/internal error|was killed/)).toEqual([]);
}

describe.each<[string, Change, RegExp]>([
  ["the document's format", nextFormat, /it has format (\d+), and only (\d+) is understood$/],
  ["the state's version", nextState, /the snapshot has version (\d+), and only version (\d+) is understood$/],
])("of the next version of %s", (_, next, reason) => {
  const older = (directory: string, version = "1.0.0") => installVersion(directory, version);
  const newer = (directory: string, version = "2.0.0") => installVersion(directory, version, next);

  test.each([
    ["the older one refuses the newer one's", newer, older, 1],
    ["the newer one refuses the older one's", older, newer, -1],
  ])("%s in words, everything serves, and one that understands it takes over", async (__, running, other, more) => {
    const { unit, loads } = await start(running);
    const before = await unitFacts(unit);
    other(unit.directory);
    const { status, said } = await upgrade(unit);
    expect([status, said]).toEqual([1, [expect.stringMatching(reason)]]);
    const [, written, understood] = reason.exec(said[0]!)!.map(Number);
    expect(written! - understood!).toBe(more);
    expect(await unitFacts(unit)).toEqual(before);
    running(unit.directory, "2.1.0");
    expect((await upgrade(unit)).status).toBe(0);
    expect(await unitFacts(unit)).toEqual(before);
    await expectUnharmed(unit, loads);
  });
});

test("a field that only the newer one knows is refused by the older one, by its name", async () => {
  const { unit, loads } = await start(directory => installVersion(directory, "1.0.0"));
  const before = await unitFacts(unit);
  installVersion(unit.directory, "1.1.0", oneFieldMore);
  expect((await upgrade(unit)).status).toBe(0);
  installVersion(unit.directory, "1.0.0");
  expect(await upgrade(unit)).toEqual({
    status: 1,
    said: [expect.stringMatching(/\(zerodown 1\.0\.0\) can't go on from here: .* document\.later is "more"$/)],
  });
  expect(await unitFacts(unit)).toEqual(before);
  await expectUnharmed(unit, loads);
});

test("of one format: an upgrade is undone by the same command", async () => {
  const { unit, loads } = await start(directory => installVersion(directory, "1.0.0"));
  const before = await unitFacts(unit);
  await upgradeTo(unit, "1.1.0");
  await upgradeTo(unit, "1.0.0");
  expect(await unitFacts(unit)).toEqual(before);
  await expectUnharmed(unit, loads);
});
