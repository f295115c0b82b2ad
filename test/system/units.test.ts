// The files of units/, as they are: systemd has nothing to say against them, and they do what their comments promise.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ask, loopback } from "../support/http-load.js";
import { deploy, release, removeReleases } from "../support/releases.js";
import { ROOT, temporaryDirectory } from "../support/supervisor.js";
import { installApp, removeUnits, TestUnit } from "../support/unit.js";
import { installFaultyUnit, type Scope, verify } from "../support/verify.js";

const UNITS = `${ROOT}units`;
const FILES = [
  ...["zerodown@.service", "zerodown@.socket", "hello.service", "hello.socket"],
  ...["zerodown-metrics.service", "zerodown-metrics.timer"],
];

afterEach(async () => {
  await removeUnits();
  removeReleases();
});

describe("systemd-analyze verify finds nothing", () => {
  const findings = (scope: Scope, directory: string) => verify(scope, ...FILES.map(file => `${directory}/${file}`));

  /** A copy of units/, with a drop-in for both services. */
  function withDropIn(text: string): { path: string; remove: () => void } {
    const directory = temporaryDirectory();
    cpSync(UNITS, directory.path, { recursive: true });
    for (const service of ["zerodown@.service", "hello.service"]) {
      mkdirSync(`${directory.path}/${service}.d`);
      writeFileSync(`${directory.path}/${service}.d/drop-in.conf`, text);
    }
    return directory;
  }

  test.each(["--user", "--system"] as const)("in the units (%s)", scope => {
    expect(findings(scope, UNITS)).toEqual([]);
  });

  test.each(["--user", "--system"] as const)("where another unit of the machine has a fault of its own (%s)", scope => {
    const { remove } = installFaultyUnit(scope);
    expect(findings(scope, UNITS)).toEqual([]);
    remove();
  });

  test("in them with system.conf", () => {
    const { path, remove } = withDropIn(readFileSync(`${UNITS}/system.conf`, "utf8"));
    expect(findings("--system", path)).toEqual([]);
    remove();
  });

  test("but it does find what it doesn't know", () => {
    const { path, remove } = withDropIn("[Service]\nNoSuchThing=yes\n");
    const { remove: removeFaulty } = installFaultyUnit("--system");
    expect(findings("--system", path)).toEqual(Array(2).fill(expect.stringMatching(/Unknown key 'NoSuchThing'/)));
    removeFaulty();
    remove();
  });
});

test("hello: the first connection starts it, a release is a symbolic link and a reload, a broken one changes nothing", async () => {
  const address = loopback();
  const unit = new TestUnit("hello", "hello", {
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  release("Hello");
  await unit.listen();
  expect(await unit.property("ActiveState")).toBe("inactive");
  expect(await ask(address)).toMatch(/^Hello from generation 1,/);
  await unit.started();

  release("Bonjour");
  await unit.reload();
  await unit.log.next(/generation 1 .* drained/);
  expect(await ask(address)).toMatch(/^Bonjour from generation 2,/);

  deploy("broken", "process.exit(3);");
  expect(await unit.systemctl("reload", unit.service)).toMatchObject({ status: 1 });
  await unit.log.next(/reload failed/);
  expect(await ask(address)).toMatch(/^Bonjour from generation 2,/);
  expect(await unit.property("ActiveState")).toBe("active");

  await unit.stop();
  expect(await unit.property("Result")).toBe("success");
});

test("zerodown@: the operator's file says what runs, and its words may hold blanks", async () => {
  const unit = installApp({
    command: `sh -c 'systemd-notify --ready; echo "<$1>"; exec sleep infinity' sh "two words"`,
  });
  await unit.start();
  await unit.log.next(/^<two words>$/);
});

test("zerodown@ without a command doesn't start, and says why", async () => {
  const unit = installApp({ command: "" });
  await expect(unit.start()).rejects.toThrow("zerodown: no command: it comes after --");
});
