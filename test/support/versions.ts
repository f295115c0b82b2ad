// Installs versions of zerodown, one in the place of another, as a package manager does.

import { cpSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { Puppet } from "./puppet.js";
import { ROOT, ZERODOWN } from "./supervisor.js";
import { TestProcess } from "./test-process.js";
import { type App, installApp, type TestUnit } from "./unit.js";

const { version: OURS } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string };

/** The path of the command that a unit in this directory is started by: a link to the version that is installed. */
export const commandIn = (directory: string) => `${directory}/zerodown`;

/** Puts this version in place: a copy of what was built. @param change of its program */
export function installVersion(
  directory: string,
  version: string,
  change: (text: string) => string = text => text,
): void {
  const copy = `${directory}/zerodown-${version}`;
  rmSync(copy, { recursive: true, force: true });
  cpSync(`${ROOT}dist`, copy, { recursive: true, filter: path => !path.endsWith("/types") });
  for (const name of readdirSync(copy).filter(name => /\.c?js$/.test(name))) {
    const path = `${copy}/${name}`;
    const text = readFileSync(path, "utf8").replaceAll(`"${OURS}"`, `"${version}"`);
    writeFileSync(path, name === "zerodown.cjs" ? change(text) : text, { mode: 0o755 });
  }
  link(directory, `${copy}/zerodown.cjs`);
}

/** Puts something else in place. */
export function installOther(directory: string, text: string, mode = 0o755): void {
  writeFileSync(`${directory}/other`, text, { mode });
  link(directory, `${directory}/other`);
}

/** Has the unit's command lead there. In one step: there is a command at any time. */
export function link(directory: string, target: string): void {
  symlinkSync(target, `${commandIn(directory)}.new`);
  renameSync(`${commandIn(directory)}.new`, commandIn(directory));
}

/** An app whose unit is started by version 1.0.0, for which others may be installed. */
export function installVersioned({ service = [], ...app }: App): TestUnit {
  const start = (directory: string) => {
    const own = typeof service === "function" ? service(directory) : service;
    return ["ExecStart=", `ExecStart=${commandIn(directory)} run $ZERODOWN_OPTIONS -- $ZERODOWN_COMMAND`, ...own];
  };
  const unit = installApp({ ...app, service: start });
  installVersion(unit.directory, "1.0.0");
  return unit;
}

/** An app that calls init() of version 1.0.0, whose package is in `installed`. */
export function installInitApp(): { unit: TestUnit; installed: string } {
  const unit = installApp({
    command: "",
    service: directory => ["ExecStart=", `ExecStart=${process.execPath} ${directory}/app.mjs`],
  });
  installVersion(unit.directory, "1.0.0");
  const installed = `${unit.directory}/zerodown-1.0.0`;
  const program = `import { init, startupFinished } from "${installed}/index.js";
init();
startupFinished();
setInterval(() => {}, 1000);
`;
  writeFileSync(`${unit.directory}/app.mjs`, program);
  return { unit, installed };
}

/** Runs `zerodown upgrade UNIT`. Resolves with its exit status and what it printed. */
export async function upgrade(unit: TestUnit): Promise<{ status: number | null; said: string[] }> {
  const command = new TestProcess(ZERODOWN, ["upgrade", "--user", unit.service], { env: { MAINPID: undefined } });
  const { status } = await command.ended;
  return { status, said: [...command.output.lines, ...command.errors.lines] };
}

/** Installs a version and upgrades to it; throws where that isn't what comes of it. */
export async function upgradeTo(unit: TestUnit, version: string): Promise<void> {
  installVersion(unit.directory, version);
  const { status, said } = await upgrade(unit);
  const pid = await unit.mainPid();
  if (status === 0 && said.length === 1 && said[0]!.endsWith(` → ${version} (pid ${pid})`)) return;
  throw new Error(`exit status ${status}: ${said.join("\n")}\n${unit.log.lines.join("\n")}`);
}

/** A puppet's unit that runs version 1.0.0. */
export async function startVersioned(...service: string[]): Promise<TestUnit> {
  const { unit } = new Puppet({ install: installVersioned, service });
  await unit.start();
  return unit;
}

/** What systemd knows of it, which no upgrade changes. */
export async function unitFacts(unit: TestUnit) {
  return {
    main: await unit.mainPid(),
    restarts: await unit.property("NRestarts"),
    active: await unit.property("ActiveState"),
  };
}
