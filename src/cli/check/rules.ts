// The rules on a unit that runs zerodown: each is a small function.

import { constants } from "node:os";
import { USUAL_WEIGHT } from "../../machine/boot.js";
import { STOP_SIGNALS } from "../../machine/events.js";
import { drainLimit, SHORTEST_WATCHDOG, startLimit } from "../../machine/limits.js";
import type { UnitProperties } from "../../systemd/dbus.js";
import { formatTimeSpan } from "../../systemd/formats/time-span.js";
import { commandLine, timeoutBeyond } from "../../systemd/formats/unit-files.js";
import { COMMAND } from "./command.js";
import { findZerodown, isDirect, isStartedOtherwise, list } from "./command-line.js";
import { CONTAINERS } from "./containers.js";
import type { Facts } from "./facts.js";
import { execStartFix, type Finding, type Rule, serviceFix, shellWord, shown } from "./finding.js";
import { INIT_APPS, isTakenForInitApp } from "./init-apps.js";
import { PROGRAMS } from "./programs.js";
import { QUEUES } from "./queues.js";
import { ROOM } from "./room.js";
import { SANDBOX } from "./sandbox.js";
import { SERVER_TRAPS } from "./servers.js";
import { SOCKET_PATHS } from "./socket-paths.js";
import { SURROUNDINGS } from "./surroundings.js";

const INFINITY = 2n ** 64n - 1n;

export function checkUnit(facts: Facts): readonly Finding[] {
  const foreign = notOurs(facts);
  // The rest means nothing in a unit that doesn't run zerodown.
  return foreign.length > 0 ? foreign : Object.values(RULES).flatMap(rule => rule(facts));
}

export function notOurs(facts: Facts): Finding[] {
  const { unit, start, mainProcess, runArguments, service } = facts;
  if (service.LoadState !== "loaded") {
    const why = `systemd doesn't take the unit as it is; systemd-analyze verify ${unit} says why`;
    return [{ severity: "error", setting: "LoadState", value: String(service.LoadState), why }];
  }
  const isOurs =
    runArguments !== null ||
    /\bzerodown\b.*\brun\b/s.test(start.args.join(" ")) ||
    findZerodown(mainProcess ?? [], "run") >= 0 ||
    isTakenForInitApp(facts);
  if (isOurs) return [];
  const why = `${unit} doesn't run zerodown; zerodown unit prints one that does. An app that calls init() is seen while it runs, and by ExecReload=zerodown reload`;
  return [{ severity: "error", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
}

/** By name, so that each can be tested alone. */
export const RULES = {
  type({ unit, service }) {
    const type = String(service.Type);
    if (type === "notify" || type === "notify-reload") return [];
    const why = "systemd doesn't wait until a generation serves, neither at start nor at reload";
    return [{ severity: "error", setting: "Type", value: type, why, fix: serviceFix(unit, "Type=notify") }];
  },

  notifyAccess({ unit, service }) {
    const value = String(service.NotifyAccess);
    const fix = serviceFix(unit, "NotifyAccess=exec");
    if (value === "none") {
      return [
        { severity: "error", setting: "NotifyAccess", value, why: "systemd drops all that zerodown tells it", fix },
      ];
    }
    if (value !== "main") return [];
    const why =
      "when the supervisor is killed in the middle of a reload, systemd 257 starts it again only after TimeoutStartSec=, for it doesn't hear zerodown reload";
    return [{ severity: "note", setting: "NotifyAccess", value, why, fix }];
  },

  wrapper(facts) {
    const { start, mainProcess } = facts;
    const command = [start.path, ...start.args];
    // Whatever started it: if zerodown is the main process now, it will be next time.
    if (isDirect(command) || (mainProcess && isDirect(mainProcess)) || isTakenForInitApp(facts)) return [];
    const first = start.path.replace(/.*\//, "");
    const isShell = /^(ba|da|z|k|a|fi)?sh$/.test(first);
    if (!mainProcess && (first === "env" || (isShell && /\bexec\s+\S*zerodown/.test(start.args.join(" "))))) return [];
    const why = mainProcess
      ? `the main process is ${shown(mainProcess)}, not zerodown: systemd's sockets (LISTEN_PID), signals and READY=1 need that`
      : isShell
        ? "the shell stays the main process unless it runs zerodown by exec; sockets and signals would stop at it"
        : `${first} stays the main process, so that systemd's sockets (LISTEN_PID) and signals don't get to zerodown`;
    return [
      {
        severity: mainProcess || !isShell ? "error" : "warning",
        setting: "ExecStart",
        value: shown(command),
        why,
        ...execStartFix(facts),
      },
    ];
  },

  runOptions({ start, runError }) {
    if (runError === undefined) return [];
    const value = shown([start.path, ...start.args]);
    return [{ severity: "error", setting: "ExecStart", value, why: `zerodown run refuses it: ${runError}` }];
  },

  killMode({ unit, service }) {
    const value = String(service.KillMode);
    if (value === "mixed") return [];
    const left = "what outlives zerodown is left running, and holds the sockets";
    const why =
      value === "control-group"
        ? "at a stop systemd signals the app's processes too, behind zerodown's back"
        : service.Delegate
          ? `${left}; beside it, in the cgroups of generations, the unit can't be started (exit status 219)`
          : left;
    return [{ severity: "warning", setting: "KillMode", value, why, fix: serviceFix(unit, "KillMode=mixed") }];
  },

  killSignal({ unit, service, run }) {
    const stopOn = run?.stopOn ?? STOP_SIGNALS;
    // Where RestartKillSignal= isn't set, D-Bus has the value of KillSignal= for it.
    const own = service.RestartKillSignal && service.RestartKillSignal !== service.KillSignal;
    return ["KillSignal", ...(own ? ["RestartKillSignal"] : [])]
      .map(setting => ({ setting, value: signalName(service[setting]) }))
      .filter(({ value }) => !stopOn.some(signal => signal === value))
      .map(({ setting, value }) => ({
        severity: "error",
        setting,
        value,
        why: `zerodown isn't stopped by ${value} (but by ${stopOn.join(", ")}): it doesn't drain, or is killed after TimeoutStopSec=`,
        fix: serviceFix(unit, `${setting}=${stopOn[0]}`),
      }));
  },

  execReload({ unit, service, reload, zerodown, run }) {
    const fix = serviceFix(
      unit,
      ...(reload.length > 0 ? ["ExecReload="] : []),
      `ExecReload=${commandLine([zerodown, "reload"])}`,
    );
    const ours = reload.find(({ path, args }) => findZerodown([path, ...args], "reload") >= 0);
    const value = reload.map(({ path, args }) => shown([path, ...args])).join("; ");
    const finding = (severity: Finding["severity"], why: string): Finding[] => [
      { severity, setting: "ExecReload", value, why, fix },
    ];
    if (reload.length === 0) {
      return service.Type === "notify-reload"
        ? finding("warning", "systemctl reload waits, but reports success for a reload that failed")
        : finding("error", `systemctl reload ${unit} is refused`);
    }
    if (!ours)
      return finding("warning", "systemctl reload doesn't wait for the new generation, and can't fail with it");
    if (namesUnit(ours.args))
      return finding("error", "with UNIT it asks systemd for the very reload that it is part of");
    if (ours.ignoresFailure)
      return finding("warning", 'with "-" systemctl reload reports success for a reload that failed');
    if (run?.control === "none") {
      return [{ severity: "error", setting: "ExecReload", value, why: "with --control none it finds no supervisor" }];
    }
    return [];
  },

  reloadSignal({ unit, service, run }) {
    const value = signalName(service.ReloadSignal);
    if (service.Type !== "notify-reload" || !run || run.reloadSignals.some(signal => signal === value)) return [];
    const why = `zerodown reloads at ${run.reloadSignals.join(", ")} only, and systemd waits for a reload that never begins`;
    const fix = serviceFix(unit, `ReloadSignal=${run.reloadSignals[0]}`);
    return [{ severity: "error", setting: "ReloadSignal", value, why, fix }];
  },

  timeoutStart({ unit, service, run }) {
    const limit = run && startLimit(run);
    return shorter(unit, "TimeoutStartSec", service.TimeoutStartUSec, limit, "start or a reload");
  },

  timeoutStop({ unit, service, run }) {
    const limit = run && drainLimit(run);
    return shorter(unit, "TimeoutStopSec", service.TimeoutStopUSec, limit, "stop");
  },

  watchdog({ unit, watchdog: limit }) {
    if (limit === 0 || limit >= SHORTEST_WATCHDOG) return [];
    const why = `that is shorter than can be honoured: zerodown makes systemd, and generations that feed it, wait for ${formatTimeSpan(SHORTEST_WATCHDOG)}`;
    const fix = serviceFix(unit, `WatchdogSec=${formatTimeSpan(SHORTEST_WATCHDOG)}`);
    return [{ severity: "warning", setting: "WatchdogSec", value: formatTimeSpan(limit), why, fix }];
  },

  workingDirectory(facts) {
    const { service, realDirectory, run } = facts;
    const value = String(service.WorkingDirectory ?? "").replace(/^!/, "");
    const isReplaced = run?.workingDirectory !== undefined || facts.runArguments?.includes("--working-directory");
    if (realDirectory === undefined || realDirectory === value.replace(/(?<=.)\/+$/, "") || isReplaced) return [];
    const why = `it leads to ${realDirectory}, and systemd follows it only when the unit starts: a reload starts what is there`;
    return [{ severity: "warning", setting: "WorkingDirectory", value, why, ...execStartFix(facts) }];
  },

  remainAfterExit({ unit, service }) {
    if (!service.RemainAfterExit) return [];
    const why = "after zerodown's end the unit stays active, so that neither Restart= nor a connection starts it again";
    const fix = serviceFix(unit, "RemainAfterExit=no");
    return [{ severity: "warning", setting: "RemainAfterExit", value: "yes", why, fix }];
  },

  restart({ unit, service }) {
    if (service.Restart !== "no") return [];
    const why =
      "when zerodown gives up (more than 5 crashes of the app in 10 s) nothing starts it again but a connection";
    // A single drop-in is to be enough.
    const fix = serviceFix(unit, "Restart=on-failure", ...(isHasty(service) ? slowerRestart(service) : []));
    return [{ severity: "note", setting: "Restart", value: "no", why, fix }];
  },

  startLimit({ unit, service }) {
    if (service.Restart === "no" || !isHasty(service)) return [];
    const value = formatTimeSpan(microseconds(service.RestartUSec));
    const interval = formatTimeSpan(microseconds(service.StartLimitIntervalUSec));
    const why = `an app that doesn't boot uses up StartLimitBurst= (${service.StartLimitBurst} in ${interval}): systemd starts it no more, and closes the sockets`;
    const lines = slowerRestart(service);
    const fix = lines.length > 0 ? { fix: serviceFix(unit, ...lines) } : {};
    return [{ severity: "warning", setting: "RestartSec", value, why, ...fix }];
  },

  oomPolicy({ unit, service }) {
    const value = String(service.OOMPolicy ?? "continue");
    if (value === "continue") return [];
    const why = "one process that the kernel kills for memory, a candidate's even, ends the whole service";
    return [{ severity: "note", setting: "OOMPolicy", value, why, fix: serviceFix(unit, "OOMPolicy=continue") }];
  },

  delegate({ unit, service }) {
    if (service.Delegate) return [];
    const why =
      "generations get no cgroups, so that processes which leave their process group outlive their generation";
    // Since systemd 254: it spares zerodown the move out of the unit's own cgroup.
    const lines = ["Delegate=yes", ...("DelegateSubgroup" in service ? ["DelegateSubgroup=supervisor"] : [])];
    return [{ severity: "note", setting: "Delegate", value: "no", why, fix: serviceFix(unit, ...lines) }];
  },

  bootWeight({ unit, service, run }) {
    const controllers = service.Delegate ? list(service.DelegateControllers ?? ["cpu"]) : [];
    if (!run || run.bootWeight === USUAL_WEIGHT || controllers.includes("cpu")) return [];
    // Without any cgroup there is a note already.
    if (!service.Delegate && !run.asksForWeight) return [];
    const why = "what starts gets as much CPU as what serves, for the cpu controller isn't delegated to zerodown";
    const value = service.Delegate ? controllers.join(" ") : "no";
    const severity = run.asksForWeight ? "warning" : "note";
    return [{ severity, setting: "Delegate", value, why, fix: serviceFix(unit, "Delegate=yes") }];
  },

  fdStore({ unit, service, run }) {
    const theirs = Number(service.FileDescriptorStoreMax ?? 0);
    const ours = run?.fdstoreMax;
    const setting = "FileDescriptorStoreMax";
    // $FDSTORE is as old as that property: systemd 254.
    if (run && theirs > 0 && ours === undefined && !("FileDescriptorStorePreserve" in service)) {
      const why = `systemd before 254 doesn't tell zerodown of it, which then stores nothing: give it --fdstore-max ${theirs}`;
      return [{ severity: "warning", setting, value: String(theirs), why }];
    }
    if (ours === undefined || ours <= theirs) return [];
    const why = `of the ${ours} descriptors that zerodown stores, those beyond are lost when it is restarted or killed, and systemd logs a warning for each`;
    return [
      {
        severity: theirs === 0 ? "warning" : "note",
        setting,
        value: String(theirs),
        why,
        fix: serviceFix(unit, `${setting}=${ours}`),
      },
    ];
  },

  needDaemonReload({ unit, scope, service }) {
    if (!service.NeedDaemonReload) return [];
    const command = `systemctl${scope === "user" ? " --user" : ""} daemon-reload`;
    const why = `the files of ${unit} changed since systemd read them, and this is about what it read: ${command}`;
    return [{ severity: "note", setting: "NeedDaemonReload", value: "yes", why }];
  },

  startedOtherwise({ unit, scope, start, mainProcess }) {
    const command = [start.path, ...start.args];
    if (!mainProcess || !isStartedOtherwise(command, mainProcess)) return [];
    const restart = `systemctl${scope === "user" ? " --user" : ""} restart ${shellWord(unit)}`;
    const why = `what runs was started with other words, and keeps them over reloads and upgrades; these take ${restart}`;
    return [{ severity: "note", setting: "ExecStart", value: shown(command), why }];
  },
  ...COMMAND,
  ...CONTAINERS,
  ...INIT_APPS,
  ...PROGRAMS,
  ...QUEUES,
  ...ROOM,
  ...SANDBOX,
  ...SERVER_TRAPS,
  ...SURROUNDINGS,
  ...SOCKET_PATHS,
} satisfies Record<string, Rule>;

function shorter(unit: string, setting: string, property: unknown, ours: number | undefined, what: string): Finding[] {
  const theirs = microseconds(property);
  if (ours === undefined || theirs >= ours) return [];
  const why = `zerodown may take up to ${formatTimeSpan(ours)} for a ${what}, and asks systemd to wait for that (EXTEND_TIMEOUT_USEC=): this limit doesn't hold`;
  const fix = serviceFix(unit, `${setting}=${timeoutBeyond(ours)}`);
  return [{ severity: "note", setting, value: formatTimeSpan(theirs), why, fix }];
}

/** Whether restarts alone reach the limit of starts. 0 in one of its two settings means no limit. */
function isHasty({ RestartUSec, StartLimitBurst, StartLimitIntervalUSec }: UnitProperties): boolean {
  const burst = Number(StartLimitBurst ?? 0);
  return burst > 0 && microseconds(RestartUSec) * burst < microseconds(StartLimitIntervalUSec);
}

/** The RestartSec= with which they don't; none for an interval without an end. */
function slowerRestart({ StartLimitBurst, StartLimitIntervalUSec }: UnitProperties): string[] {
  const seconds = Math.floor(microseconds(StartLimitIntervalUSec) / Number(StartLimitBurst) / 1e6) + 1;
  return Number.isFinite(seconds) ? [`RestartSec=${seconds}`] : [];
}

function signalName(number: unknown): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);
}

/** Whether arguments of `zerodown reload` hold a UNIT. */
function namesUnit(args: readonly string[]): boolean {
  const rest = args.slice(args.indexOf("reload") + 1);
  return rest.some((word, index) => !word.startsWith("-") && !/^--(pid|control|timeout)$/.test(rest[index - 1] ?? ""));
}

/** A property of 64 bits, in µs. */
function microseconds(property: unknown): number {
  return property === INFINITY ? Number.POSITIVE_INFINITY : Number(property ?? 0);
}
