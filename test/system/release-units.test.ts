// zerodown unit --watch beside a real systemd: the switch of a symbolic link is the deployment.

import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { eventually } from "../support/eventually.js";
import { temporaryDirectory } from "../support/supervisor.js";
import { installUnits, property, removeUnits, systemctl, zerodown } from "../support/user-manager.js";

const directory = temporaryDirectory();
afterEach(removeUnits);
afterAll(() => directory.remove());

const NAME = `zerodown-release-${process.pid}`;
const RELEASE = `${NAME}-release.service`;
const SERVES = "systemd-notify --ready\nexec sleep infinity\n";

/** Puts a release there, and its link in the place of the one that is there, in one step. */
function deploy(number: number, app = SERVES): void {
  mkdirSync(`${directory.path}/releases/${number}`, { recursive: true });
  writeFileSync(`${directory.path}/releases/${number}/app`, app);
  symlinkSync(`releases/${number}`, `${directory.path}/current.new`);
  renameSync(`${directory.path}/current.new`, `${directory.path}/current`);
}

function status(): StatusFacts {
  const { status, stdout, stderr } = zerodown("status", "--user", "--json", NAME);
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as StatusFacts;
}

/** The generation that serves, and its release. */
function serving(): string {
  const { number, release } = status().generations.find(({ state }) => state === "serving")!;
  return `${number} of ${release!.directory!.split("/").at(-1)}`;
}

/** How often the reloading service has ended. */
const hasEnded = (result: string) =>
  eventually(() =>
    expect([property(RELEASE, "ActiveState"), property(RELEASE, "Result")]).toEqual([
      result === "success" ? "inactive" : "failed",
      result,
    ]),
  );

test("a switched link is a reload, several at once are one, a broken release changes nothing, and other files don't count", async () => {
  deploy(1);
  const link = `${directory.path}/current`;
  const options = ["--user", "--listen", `@${NAME}`, "--working-directory", link, "--watch", `${link}/`];
  const { status, stdout } = zerodown("unit", ...options, NAME, "--", "/bin/sh", "app");
  expect(status).toBe(0);
  const files = stdout.split(/^(?=# ~\/\S+$)/m);
  installUnits(Object.fromEntries(files.map(text => [/^# \S+\/(\S+)/.exec(text)![1]!, text])));
  expect(files).toHaveLength(5);
  expect(systemctl("start", `${NAME}.service`, `${NAME}-release.path`)).toMatchObject({ status: 0 });
  expect(serving()).toBe("1 of 1");

  deploy(2);
  await eventually(() => expect(serving()).toBe("2 of 2"));
  await hasEnded("success");

  deploy(3, "exit 3\n");
  await hasEnded("exit-code");
  expect(serving()).toBe("2 of 2");

  for (const number of [4, 5, 6]) deploy(number);
  await eventually(() => expect(serving()).toBe("4 of 6"));
  await hasEnded("success");

  // While it looks the link stays, and when it has looked it waits for the next change.
  const runs = property(RELEASE, "ExecMainStartTimestampMonotonic");
  writeFileSync(`${directory.path}/notes`, "");
  await eventually(() => expect(property(RELEASE, "ExecMainStartTimestampMonotonic")).not.toBe(runs));
  await hasEnded("success");
  expect(serving()).toBe("4 of 6");
});

test("a switch after the last look, when systemd doesn't watch yet, is seen all the same", async () => {
  deploy(10);
  const link = `${directory.path}/current`;
  const options = ["--user", "--listen", `@${NAME}`, "--working-directory", link, "--watch", link];
  const { stdout } = zerodown("unit", ...options, NAME, "--", "/bin/sh", "app");
  const files = stdout.split(/^(?=# ~\/\S+$)/m);
  installUnits(Object.fromEntries(files.map(text => [/^# \S+\/(\S+)/.exec(text)![1]!, text])));
  // ExecStopPost= runs in that time.
  writeFileSync(
    `${directory.path}/switch`,
    `cd ${directory.path}\n[ -e once ] || exit 0\nrm once\nln -s releases/11 next\nmv -T next current\n`,
  );
  installUnits({ [`${RELEASE}.d/late.conf`]: `[Service]\nExecStopPost=/bin/sh ${directory.path}/switch\n` });
  expect(systemctl("start", `${NAME}.service`, `${NAME}-release.path`)).toMatchObject({ status: 0 });
  // What leads to a reload in any case, after the installation.
  writeFileSync(`${directory.path}/notes`, "");
  await eventually(() => expect(serving()).toBe("2 of 10"));
  await hasEnded("success");
  mkdirSync(`${directory.path}/releases/11`);
  writeFileSync(`${directory.path}/releases/11/app`, SERVES);
  writeFileSync(`${directory.path}/once`, "");
  await eventually(() => expect(serving()).toBe("3 of 11"));
}, 60_000);
