// Rules on the sandbox of a unit: system calls, memory and /proc that zerodown or its app can't do without.

import { basename } from "node:path";
import { type Finding, type Rule, serviceFix } from "./finding.js";

/** The system calls without which zerodown doesn't start, reload or stop; those that a Node itself can't do without, too. */
const NEEDED =
  "bind capget clone clone3 close_range dup3 epoll_create1 epoll_ctl epoll_pwait eventfd2 execve fcntl futex getrandom ioctl kill " +
  "listen mmap mprotect openat pidfd_open pidfd_send_signal pipe2 prctl prlimit64 recvmsg rt_sigaction rt_sigprocmask rt_sigsuspend " +
  "sendmsg setpgid setsockopt socket statx vfork wait4 waitid";
/** V8 asks for it, and does without where it is refused with an error. */
const ASKED = "pkey_alloc";

/** By name, so that each can be tested alone. */
export const SANDBOX = {
  systemCallFilter({ unit, service }) {
    const [isAllowList, listed] = (service.SystemCallFilter ?? [false, []]) as [boolean, string[]];
    if (!isAllowList && listed.length === 0) return [];
    // "pkey_alloc:EPERM" is refused with that error, whatever the others are.
    const errors = new Map(listed.map(entry => [entry.replace(/:.*/, ""), entry.split(":")[1] ?? ""]));
    const isKilled = refusesByKill(service.SystemCallErrorNumber);
    const isDenied = (name: string) =>
      (isAllowList ? !errors.has(name) : errors.has(name)) || Boolean(errors.get(name));
    const isFatal = (name: string) => isDenied(name) && (errors.get(name) ? errors.get(name) === "kill" : isKilled);
    const missing = [...NEEDED.split(" ").filter(isDenied), ...ASKED.split(" ").filter(isFatal)];
    if (missing.length === 0) return [];
    const names = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ` and ${missing.length - 5} more` : "");
    const why = `zerodown, as any Node, doesn't work without ${names}${isKilled ? ": it is killed by SIGSYS when it starts" : ""}`;
    const value = `${isAllowList ? "" : "~"}${listed.slice(0, 3).join(" ")}${listed.length > 3 ? " …" : ""}`;
    // On a list of what is denied, this takes them off it.
    return [
      {
        severity: "error",
        setting: "SystemCallFilter",
        value,
        why,
        fix: serviceFix(unit, `SystemCallFilter=${missing.join(" ")}`),
      },
    ];
  },

  memoryDenyWriteExecute({ unit, service, run }) {
    if (!service.MemoryDenyWriteExecute) return [];
    const [command = "", ...args] = run?.command ?? [];
    const name = basename(command);
    const compiles = /^(?:node|nodejs|bun|deno|java|dotnet|pypy3?|luajit)$/.test(name) && !args.includes("--jitless");
    const setting = { setting: "MemoryDenyWriteExecute", value: "yes" } as const;
    if (compiles) {
      const why = `${name} compiles at run time, and is killed when it starts; zerodown itself isn't`;
      return [{ severity: "error", ...setting, why, fix: serviceFix(unit, "MemoryDenyWriteExecute=no") }];
    }
    const why =
      "an app that compiles at run time, as Node, Java and .NET do, is killed when it starts; zerodown itself isn't";
    return [{ severity: "note", ...setting, why }];
  },

  procSubset({ service }) {
    if (service.ProcSubset !== "pid") return [];
    const why =
      "/proc/meminfo, cpuinfo, loadavg and sys aren't there: an app that sizes itself by them (workers by CPUs, a heap by memory) takes a wrong size, or fails";
    return [{ severity: "note", setting: "ProcSubset", value: "pid", why }];
  },

  protectProc({ service }) {
    const value = String(service.ProtectProc ?? "default");
    // A service that may look at every process loses nothing.
    const isUser = service.DynamicUser || !["", "root", "0"].includes(String(service.User ?? ""));
    if (value !== "ptraceable" || !isUser) return [];
    const why =
      "zerodown doesn't see those of the app's processes that gained rights (set-user-ID, capabilities): it can't name what holds a socket on";
    return [{ severity: "note", setting: "ProtectProc", value, why } satisfies Finding];
  },
} satisfies Record<string, Rule>;

/** SystemCallErrorNumber=: an errno, else systemd's own number for "kill", which was 0 before 247. */
function refusesByKill(property: unknown): boolean {
  const number = Number(property ?? 0);
  return number === 0 || number > 4095;
}
