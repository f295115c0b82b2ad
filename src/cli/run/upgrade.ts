// zerodown upgrade, in the supervisor: it executes the command that is on disk now, under the same pid, and hands over all that
// it has. Nothing is given up before the new program has said that it understands that.

import { closeSync, statSync } from "node:fs";
import type { ControlListener } from "../../control/listener.js";
import { ADOPT, executedArguments, formatEnvironment, setAside, type Variables } from "../../launcher/received.js";
import { toBytes } from "../../linux/bytes.js";
import { finishRemovals } from "../../linux/remove-tree.js";
import { native } from "../../native/index.js";
import type { Log } from "../../supervisor/log.js";
import type { Supervisor } from "../../supervisor/supervisor.js";
import type { Notifier } from "../../systemd/as-service/notify.js";
import { type Document, descriptorsIn, writeDocument } from "./document.js";
import { PROOF, type Program, prove, type Verdict } from "./prove.js";

/** How long descriptors that are being closed are waited for, and how long between two looks. ms */
const CLOSING = 1000;
const LOOK_EVERY = 10;

/** What is replaced. */
export interface Upgradable {
  readonly version: string;
  /** As the supervisor was started with it: bytes. */
  readonly environment: Variables;
  readonly supervisor: Pick<Supervisor, "state">;
  readonly notifier: Pick<Notifier, "send">;
  readonly control: ControlListener | undefined;
  readonly log: Log;
  readonly save: () => Document;
}

let isUnderWay = false;

/** @throws {Error} that says why this process stays */
export async function upgrade(ours: Upgradable): Promise<never> {
  const { version, supervisor, notifier, log } = ours;
  if (isUnderWay) throw new Error("an upgrade is under way already");
  refuseEnd(supervisor);
  isUnderWay = true;
  log("info", `zerodown ${version}: looking whether ${program()} can go on from here`);
  notifier.send(["STATUS=Upgrading zerodown"]);
  try {
    return await replace(ours);
  } catch (error) {
    log("err", `upgrade refused, zerodown ${version} goes on: ${(error as Error).message}`);
    notifier.send([`STATUS=${supervisor.state.told}`]);
    throw error;
  } finally {
    isUnderWay = false;
  }
}

async function replace(ours: Upgradable): Promise<never> {
  const { version, environment, supervisor, notifier, control, log, save } = ours;
  const before = identify(program());
  const verdict = await proof(ours);
  log("notice", `zerodown ${version}: zerodown ${verdict.version} takes over, as the same process`);
  // A deadline of systemd's watchdog may fall into the step.
  notifier.send(["WATCHDOG=1", `STATUS=Upgrading from zerodown ${version} to ${verdict.version}`]);
  await control?.flushed();
  await closed();
  native.holdSignals();
  let document: number | undefined;
  try {
    // What was caught before reaches the supervisor.
    await nextTurn();
    await nextTurn();
    refuseEnd(supervisor);
    if (identify(program()) !== before) throw new Error(`${program()} has changed meanwhile`);
    finishRemovals();
    const saved = save();
    document = writeDocument(saved, saved.runtimeDirectory.path);
    return native.replace({
      paths: [toBytes(verdict.node)],
      argv: ["node", ...verdict.options, "--", program(), ...process.argv.slice(2)].map((word, index, { length }) =>
        given(word, length - index),
      ),
      environment: formatEnvironment(successorEnvironment(environment, verdict, document)),
      fds: [...descriptorsIn(saved), document],
    });
  } catch (error) {
    native.releaseSignals();
    if (document !== undefined) closeSync(document);
    throw error;
  }
}

/** The path that was started; it may lead elsewhere by now. */
function program(): string {
  return process.argv[1]!;
}

/** As bytes: one of the last words of the command line. */
function given(word: string, fromEnd: number): string {
  const isArgument = fromEnd <= process.argv.length - 2;
  return (isArgument ? executedArguments()?.at(-fromEnd) : undefined) ?? toBytes(word);
}

async function proof({ environment, supervisor, save }: Upgradable): Promise<Verdict> {
  const saved = save();
  const document = writeDocument(saved, saved.runtimeDirectory.path);
  try {
    return await prove(asked(environment), document);
  } catch (error) {
    // A stop ends what is asked, too, where systemd signals every process of the unit.
    refuseEnd(supervisor);
    throw error;
  } finally {
    closeSync(document);
  }
}

/** The launcher finds a Node; where init() has become the supervisor, Node is the app's. */
function asked(environment: Variables): Program {
  const args = [program(), PROOF, ...process.argv.slice(3)].map(toBytes);
  if (environment.ZERODOWN_INIT !== String(process.pid)) {
    return { path: args[0]!, argv: args, environment: formatEnvironment(environment) };
  }
  const argv = ["node", ...process.execArgv, "--"].map(toBytes);
  return {
    path: toBytes(process.execPath),
    argv: [...argv, ...args],
    environment: formatEnvironment(setAside(environment)),
  };
}

/** The addon keeps signals from a Node that isn't ready for them. */
function successorEnvironment(environment: Variables, { addon }: Verdict, document: number): Variables {
  const variables = { ...setAside(environment), [ADOPT]: String(document) };
  // These separate its paths.
  if (/[ :]/.test(addon)) return variables;
  const others = environment.LD_PRELOAD;
  return { ...variables, LD_PRELOAD: others ? `${toBytes(addon)}:${others}` : toBytes(addon) };
}

function refuseEnd({ state }: Pick<Supervisor, "state">): void {
  if (state.phase !== "running") throw new Error("the service is stopping");
}

/** Tells a file from another one that is put in its place, and from itself with other content. */
function identify(path: string): string {
  const { dev, ino, size, mtimeMs } = statSync(path);
  return [dev, ino, size, mtimeMs].join();
}

/** A thread that hangs in close(2) would keep execve(2) from ending for as long as that lasts. */
async function closed(): Promise<void> {
  for (let waited = 0; native.isClosing(); waited += LOOK_EVERY) {
    if (waited >= CLOSING) throw new Error("a file of a generation's can't be closed: its file system hangs");
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY));
  }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
