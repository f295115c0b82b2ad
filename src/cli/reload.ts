// zerodown reload: put what is on disk now into service, and wait for the outcome.

import { existsSync, readFileSync } from "node:fs";
import { checkReload } from "../control/check-reply.js";
import type { StatusReport } from "../control/types.js";
import { VarlinkError } from "../control/varlink.js";
import { EX_NOPERM, EX_UNAVAILABLE } from "../linux/exit-codes.js";
import { native } from "../native/index.js";
import type { Scope } from "../systemd/dbus.js";
import { askStatus } from "./ask-status.js";
import { call, noSupervisor, refused } from "./call.js";
import { shellWord } from "./check/finding.js";
import { abortAfter, noOutcome } from "./deadline.js";
import { CommandError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { timeOption } from "./options/values.js";
import { addressHint } from "./reload/candidate-hint.js";
import { candidateOutput } from "./reload/candidate-output.js";
import { describeGenerations } from "./reload/describe.js";
import { dryRun } from "./reload/dry-run.js";
import { explainFailure } from "./reload/explain.js";
import { RELOAD } from "./reload/table.js";
import {
  explainManagerError,
  findTarget,
  isAlive,
  loadUnit,
  readNamed,
  type Target,
  type UnitTarget,
} from "./target.js";
import { Progress } from "./terminal.js";

export async function reload(args: readonly string[]): Promise<number> {
  const since = processStart();
  const { values, operands } = parseCommandLine(RELOAD, args);
  if (values.help) {
    process.stdout.write(helpText(RELOAD));
    return 0;
  }
  // The launcher's process, which is the one that systemd knows; its child has said what is wrong.
  if (process.env.ZERODOWN_FRONT === "lost") {
    await endForSystemd();
    return EX_UNAVAILABLE;
  }
  const timeout = timeOption("timeout", values.timeout);
  const named = readNamed(values, operands);
  const { "dry-run": isDryRun, replace = false, same = false } = values;
  if (isDryRun) {
    process.stdout.write(`${await dryRun(named, { timeout, replace, same })}\n`);
    return 0;
  }
  let target: Target;
  try {
    target = await findTarget(named);
  } catch (error) {
    // A user who may reload the unit needn't be allowed to look at its supervisor.
    const isHidden = error instanceof CommandError && error.exitStatus === EX_NOPERM;
    if (named.unit === undefined || replace || !isHidden) throw error;
    return reloadUnseen(named.unit, named.scope, timeout);
  }
  // systemd ends its own reload with this when the unit is to stop, and would take a death by it for the service's failure.
  if (target.isOwnUnit) process.once("SIGTERM", () => process.exit(0));
  const progress = new Progress();
  const signal = abortAfter(timeout);
  const request = { path: target.control, since, replace, same, progress, signal, timeout };
  try {
    // In the unit itself the supervisor's own log says it all: what came of it, and why.
    const result = await (target.unit && !same ? reloadUnit(target.unit, request) : reloadSupervisor(request));
    progress.end();
    if (!target.isOwnUnit) process.stdout.write(`${result}\n`);
    return 0;
  } catch (error) {
    progress.end();
    if (signal.aborted) throw noOutcome(timeout, "a reload");
    if (!(error instanceof VarlinkError)) throw error;
    if (!error.error.endsWith(".ReloadFailed")) throw refused(target.control, "Reload", error);
    // Without a candidate the supervisor itself ends. Its own exit status is the unit's result then, as with SIGTERM above.
    if (target.isOwnUnit) return error.parameters.generation === undefined ? 0 : 1;
    throw await explainFailure(error, target.control);
  } finally {
    target.unit?.manager.close();
  }
}

interface Request {
  readonly path: string;
  readonly since: number;
  readonly replace: boolean;
  readonly same: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** µs, after which `signal` comes. */
  readonly timeout: number;
}

async function reloadSupervisor({ path, since, replace, same, progress, signal }: Request): Promise<string> {
  const read = (reply: Record<string, unknown>) => {
    const report = checkReload(reply);
    if (!report) throw noSupervisor(path);
    return describeGenerations(report);
  };
  const onReply = (part: Record<string, unknown>) => progress.show(read(part));
  return read(await call(path, "Reload", { since, replace, same }, { onReply, signal }));
}

/** systemd runs the reload and has the last word; its supervisor shows how it goes, and what came of it. */
async function reloadUnit(
  { name, manager }: UnitTarget,
  { path, since, replace, progress, signal, timeout }: Request,
): Promise<string> {
  const { ManagerError } = await import("../systemd/dbus.js");
  const follow = new AbortController();
  const onReport = (report: StatusReport) => progress.show(describeGenerations(report));
  // An error of the view must not hide the outcome of the reload.
  const view = askStatus(path, { onReport, signal: follow.signal }).catch(() => {});
  try {
    if (replace) await call(path, "Cancel", {}, { signal }).catch(ignoreNoCandidate);
    const result = await Promise.race([manager.reloadUnit(name), aborted(signal, timeout)]);
    const status = await askStatus(path, { signal }).catch(noneIfHidden);
    if (!status) return outcomeUnseen(name, result);
    const newest = status.generations.findLast(({ startedAt, trial }) => startedAt >= since && !trial);
    if (result === "done" && newest?.state === "serving") return describeGenerations(status);
    if (result !== "done" || newest?.state === "ended") {
      const lines = newest?.pid === undefined ? [] : candidateOutput(status, newest.pid, manager.scope, name);
      const hint = addressHint(lines, status.sockets);
      throw new CommandError(`${name}: ${status.status} (systemd says: ${result})`, 1, {
        details: [...lines, ...hint],
      });
    }
    throw new CommandError(
      `${name}: systemd is done, but no generation that started since serves: its ExecReload= doesn't wait. See zerodown check ${shellWord(name)}`,
      1,
    );
  } catch (error) {
    if (error instanceof ManagerError) {
      const status = error.isPermission ? EX_NOPERM : EX_UNAVAILABLE;
      throw new CommandError(`${name}: ${error.message}`, status, { cause: error });
    }
    throw error;
  } finally {
    follow.abort();
    await view;
  }
}

/** All that is known of it is what systemd says. */
async function reloadUnseen(unit: string, scope: Scope, timeout: number): Promise<number> {
  const { name, manager } = await loadUnit(unit, scope);
  try {
    const result = await Promise.race([manager.reloadUnit(name), aborted(abortAfter(timeout), timeout)]);
    process.stdout.write(`${outcomeUnseen(name, result)}\n`);
    return 0;
  } catch (error) {
    throw await explainManagerError(error);
  } finally {
    manager.close();
  }
}

function aborted(signal: AbortSignal, timeout: number): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(noOutcome(timeout, "a reload"))));
}

/** @throws {CommandError} when it failed */
function outcomeUnseen(name: string, result: string): string {
  if (result !== "done") throw new CommandError(`${name}: the reload failed (systemd says: ${result})`, 1);
  return `${name}: reloaded, says systemd; its supervisor is another user's`;
}

/** A user who may reload the unit needn't be allowed to use its supervisor's control socket. */
function noneIfHidden(error: unknown): undefined {
  if (!(error instanceof CommandError && error.exitStatus === EX_NOPERM)) throw error;
}

function ignoreNoCandidate(error: unknown): void {
  if (!(error instanceof VarlinkError && error.error.endsWith(".NoCandidate"))) throw error;
}

/**
 * A supervisor that was killed in the middle of the reload says no READY=1 any more. systemd 257 waits for that, up to
 * TimeoutStartSec=, before it starts the next one (252 and 262 don't); with NotifyAccess=exec it takes it from this process.
 * A supervisor that lives, and only turned us away, speaks for itself.
 */
async function endForSystemd(): Promise<void> {
  if (isRunning(Number(process.env.MAINPID))) return;
  const { Notifier } = await import("../systemd/as-service/notify.js");
  new Notifier(process.env, () => {}).send(["READY=1"]);
}

/** A process that ends, or is a zombie, has no command line: its memory goes first, then its sockets, then its pid. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    // Without /proc a zombie seems to run: then nothing is said in its place.
    return !existsSync("/proc/self") && isAlive(pid);
  }
}

/**
 * When this process was forked, which is when the reload was wanted: µs of CLOCK_MONOTONIC, to 10 ms. (systemd 253 to 258
 * sends a Type=notify-reload service the signal, too, just before it forks ExecReload=.)
 */
function processStart(): number {
  const monotonic = Number(process.hrtime.bigint() / 1000n);
  const start = startTicks();
  // Without /proc Node's own start is all there is, some 50 ms after the fork.
  if (start === undefined) return Math.round(monotonic - process.uptime() * 1e6);
  // Not /proc/uptime, which isn't there with ProcSubset=pid.
  return Math.round(monotonic - (native.bootTime() - start * 1e4));
}

/** starttime of proc_pid_stat(5): ticks of 10 ms since the boot. */
function startTicks(): number | undefined {
  try {
    const [, fields = ""] = /\) (.*)/.exec(readFileSync("/proc/self/stat", "utf8")) ?? [];
    return Number(fields.split(" ")[19]);
  } catch {
    return undefined;
  }
}
