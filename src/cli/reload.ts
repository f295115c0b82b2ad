// zerodown reload: put what is on disk now into service, and wait for the outcome.

import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkReload } from "../control/check-reply.js";
import type { ReloadFailure, ReloadReport, StatusReport } from "../control/types.js";
import { VarlinkError } from "../control/varlink.js";
import { native } from "../native/index.js";
import type { Scope } from "../systemd/dbus.js";
import { formatTimeSpan } from "../systemd/formats/time-span.js";
import { askStatus } from "./ask-status.js";
import { call, noSupervisor, refused } from "./call.js";
import { shellWord } from "./check/finding.js";
import { CommandError, parseArguments, timeOption } from "./options.js";
import { addressHint } from "./reload/candidate-hint.js";
import { candidateOutput } from "./reload/candidate-output.js";
import {
  EX_NOPERM,
  EX_UNAVAILABLE,
  explainManagerError,
  findTarget,
  isAlive,
  loadUnit,
  readNamed,
  TARGET_OPTIONS,
  type Target,
  type UnitTarget,
} from "./target.js";
import { Progress } from "./terminal.js";

// sysexits.h
const EX_TEMPFAIL = 75;

export const RELOAD_HELP = `Usage: zerodown reload [options] [UNIT]

Starts the next generation from what is on disk now, and waits. Exit status 0 says that a generation which was started
after this command serves; else the old one still does, and the reason is printed.

Without UNIT, --pid or --control it is for ExecReload= in the unit itself. With UNIT it asks systemd, as
systemctl reload does.

  --user, --system  whose manager UNIT is of (default: --system)
  --pid PID         the supervisor with this pid
  --control PATH    the supervisor with this control socket
  --replace         abort a candidate that is still starting
  --timeout TIME    don't wait longer; the reload goes on (default: infinity)
  --help            this text

Exit status: 0 the new generation serves, 1 the reload failed, 64 wrong usage, 69 no such unit, bus or supervisor, or it
went away, 75 timeout, 76 what answered is no supervisor, 77 no permission

Example
  zerodown reload app.service
  ExecReload=/usr/bin/zerodown reload
`;

const OPTIONS = {
  ...TARGET_OPTIONS,
  replace: { type: "boolean" },
  timeout: { type: "string", default: "infinity" },
  help: { type: "boolean", short: "h" },
} as const;

export async function reload(args: readonly string[]): Promise<number> {
  const since = processStart();
  const { values, positionals } = parseArguments("reload", () =>
    parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true }),
  );
  if (values.help) {
    process.stdout.write(RELOAD_HELP);
    return 0;
  }
  // The launcher's process, which is the one that systemd knows; its child has said what is wrong.
  if (process.env.ZERODOWN_FRONT === "lost") {
    await endForSystemd();
    return EX_UNAVAILABLE;
  }
  const timeout = timeOption("timeout", values.timeout);
  const named = readNamed(values, positionals);
  let target: Target;
  try {
    target = await findTarget(named);
  } catch (error) {
    // Who may reload the unit needn't be allowed to look at its supervisor.
    const isHidden = error instanceof CommandError && error.exitStatus === EX_NOPERM;
    if (named.unit === undefined || values.replace || !isHidden) throw error;
    return reloadUnseen(named.unit, named.scope, timeout);
  }
  // systemd ends its own reload with this when the unit is to stop, and would take a death by it for the service's failure.
  if (target.isOwnUnit) process.once("SIGTERM", () => process.exit(0));
  const progress = new Progress();
  const end = new AbortController();
  const timer = Number.isFinite(timeout)
    ? setTimeout(() => end.abort(), Math.min(timeout / 1e3, 2 ** 31 - 1))
    : undefined;
  const request = { path: target.control, since, replace: values.replace ?? false, progress, signal: end.signal };
  try {
    // In the unit itself the supervisor's own log says it all: what came of it, and why.
    const result = await (target.unit ? reloadUnit(target.unit, request) : reloadSupervisor(request));
    progress.end();
    if (!target.isOwnUnit) process.stdout.write(`${result}\n`);
    return 0;
  } catch (error) {
    progress.end();
    if (end.signal.aborted) {
      throw new CommandError(`no outcome within ${formatTimeSpan(timeout)}; the reload goes on`, EX_TEMPFAIL);
    }
    if (!(error instanceof VarlinkError)) throw error;
    if (!error.error.endsWith(".ReloadFailed")) throw refused(target.control, "Reload", error.error);
    // Without a candidate the supervisor itself ends. Its own exit status is the unit's result then, as with SIGTERM above.
    if (target.isOwnUnit) return error.parameters.generation === undefined ? 0 : 1;
    throw await explain(error.parameters, target.control);
  } finally {
    clearTimeout(timer);
    target.unit?.manager.close();
  }
}

interface Request {
  readonly path: string;
  readonly since: number;
  readonly replace: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function reloadSupervisor({ path, since, replace, progress, signal }: Request): Promise<string> {
  const read = (reply: Record<string, unknown>) => {
    const report = checkReload(reply);
    if (!report) throw noSupervisor(path);
    return describe(report);
  };
  const onReply = (part: Record<string, unknown>) => progress.show(read(part));
  return read(await call(path, "Reload", { since, replace }, { onReply, signal }));
}

/** systemd runs the reload and has the last word; its supervisor shows how it goes, and what came of it. */
async function reloadUnit(
  { name, manager }: UnitTarget,
  { path, since, replace, progress, signal }: Request,
): Promise<string> {
  const { ManagerError } = await import("../systemd/dbus.js");
  const follow = new AbortController();
  const onReport = (report: StatusReport) => progress.show(describe(report));
  // What goes wrong with the view must not hide what comes of the reload.
  const view = askStatus(path, { onReport, signal: follow.signal }).catch(() => {});
  try {
    if (replace) await call(path, "Cancel", {}, { signal }).catch(ignoreNoCandidate);
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(new Error("aborted"))),
    );
    const result = await Promise.race([manager.reloadUnit(name), aborted]);
    const status = await askStatus(path, { signal }).catch(noneIfHidden);
    if (!status) return outcomeUnseen(name, result);
    const newest = status.generations.findLast(({ startedAt }) => startedAt >= since);
    if (result === "done" && newest?.state === "serving") return describe(status);
    if (result !== "done" || newest?.state === "ended") {
      const lines = newest?.pid === undefined ? [] : candidateOutput(status, newest.pid, manager.scope, name);
      const hint = addressHint(lines, status.sockets);
      throw new CommandError(`${name}: ${status.status} (systemd says: ${result})`, 1, [...lines, ...hint]);
    }
    throw new CommandError(
      `${name}: systemd is done, but no generation that started since serves: its ExecReload= doesn't wait. See zerodown check ${shellWord(name)}`,
      1,
    );
  } catch (error) {
    if (error instanceof ManagerError) {
      throw new CommandError(`${name}: ${error.message}`, error.isPermission ? EX_NOPERM : EX_UNAVAILABLE);
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
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const text = `no outcome within ${formatTimeSpan(timeout)}; the reload goes on`;
    if (!Number.isFinite(timeout)) return;
    timer = setTimeout(() => reject(new CommandError(text, EX_TEMPFAIL)), Math.min(timeout / 1e3, 2 ** 31 - 1));
  });
  try {
    const result = await Promise.race([manager.reloadUnit(name), late]);
    process.stdout.write(`${outcomeUnseen(name, result)}\n`);
    return 0;
  } catch (error) {
    throw await explainManagerError(error);
  } finally {
    clearTimeout(timer);
    manager.close();
  }
}

/** @throws {CommandError} when it failed */
function outcomeUnseen(name: string, result: string): string {
  if (result !== "done") throw new CommandError(`${name}: the reload failed (systemd says: ${result})`, 1);
  return `${name}: reloaded, says systemd; its supervisor is another user's`;
}

/** Who may reload the unit needn't be allowed to use its supervisor's control socket. */
function noneIfHidden(error: unknown): undefined {
  if (!(error instanceof CommandError && error.exitStatus === EX_NOPERM)) throw error;
}

function ignoreNoCandidate(error: unknown): void {
  if (!(error instanceof VarlinkError && error.error.endsWith(".NoCandidate"))) throw error;
}

async function explain({ reason = "", pid }: Partial<ReloadFailure>, path: string): Promise<CommandError> {
  const status = await askStatus(path).catch(() => undefined);
  const lines = status && pid !== undefined ? candidateOutput(status, pid) : [];
  return new CommandError(reason, 1, [...lines, ...addressHint(lines, status?.sockets ?? [])]);
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

/** "generation 4 (pid 901) serving, generation 3 (pid 812) draining" */
function describe({ generations }: ReloadReport | StatusReport): string {
  return generations
    .filter(({ state }) => state !== "ended")
    .sort((a, b) => b.number - a.number)
    .map(({ number, pid, state }) => `generation ${number}${pid === undefined ? "" : ` (pid ${pid})`} ${state}`)
    .join(", ");
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
