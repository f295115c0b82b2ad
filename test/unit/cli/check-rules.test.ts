// The rules of `zerodown check`, each alone: what it finds in a unit that is right but for one thing.

import { dirname, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { isDirect } from "../../../src/cli/check/command-line.js";
import { deduceFacts, type Facts } from "../../../src/cli/check/facts.js";
import type { Finding } from "../../../src/cli/check/finding.js";
import { checkUnit, RULES } from "../../../src/cli/check/rules.js";

/** The command that runs this: what stands in for one that isn't there. */
const OURS = resolve(process.argv[1]!);
const Z = "/usr/bin/zerodown";
const RUN = [Z, "run", "--stop-timeout", "30", "--", "/srv/app/serve"];

const exec = (argv: readonly string[], ignoresFailure = false) => [[argv[0], argv, ignoresFailure]];

const SERVICE = {
  Id: "app.service",
  LoadState: "loaded",
  ActiveState: "inactive",
  Type: "notify",
  NotifyAccess: "exec",
  ExecStart: exec(RUN),
  ExecReload: exec([Z, "reload"]),
  KillMode: "mixed",
  KillSignal: 15,
  TimeoutStartUSec: 605_000_000n,
  TimeoutStopUSec: 2n ** 64n - 1n,
  Restart: "on-failure",
  OOMPolicy: "continue",
  Delegate: true,
  Requires: ["app.socket", "sysinit.target"],
  RuntimeDirectory: ["app"],
  RuntimeDirectoryPreserve: "no",
  RestrictAddressFamilies: [false, []],
  WorkingDirectory: "",
};
const SOCKET = { LoadState: "loaded", ActiveState: "active", Accept: false, Listen: [["Stream", "[::]:80"]] };

const FOUND = { missing: [], pathWithoutNode: undefined };

function facts(
  service: Record<string, unknown> = {},
  rest: Partial<Parameters<typeof deduceFacts>[0]> & { socket?: Record<string, unknown> } = {},
): Facts {
  const { socket = {}, ...others } = rest;
  return deduceFacts({
    unit: "app.service",
    scope: "system",
    service: { ...SERVICE, ...service },
    sockets: [{ name: "app.socket", properties: { ...SOCKET, ...socket } }],
    mainProcess: undefined,
    realDirectory: undefined,
    watchdog: 0,
    programs: FOUND,
    pageCache: 0,
    runtimeRoot: "/run",
    defaultDirectory: "/",
    ...others,
  });
}

/** "error KillMode=process: KillMode=mixed" for what the named rule finds. */
function found(rule: keyof typeof RULES, about: Facts): string[] {
  const findings: readonly Finding[] = RULES[rule](about);
  return findings.map(
    ({ severity, setting, value, fix }) => `${severity} ${setting}=${value}: ${fix?.lines.join(" | ") ?? "no fix"}`,
  );
}

/** systemd's defaults. */
const HASTY = { RestartUSec: 100_000n, StartLimitBurst: 5, StartLimitIntervalUSec: 10_000_000n };

test("nothing is found in a unit that is right", () => {
  expect(checkUnit(facts())).toEqual([]);
});

const start = (...argv: string[]) => ({ ExecStart: exec(argv) });
const app = (...argv: string[]) => start(Z, "run", "--", ...argv);
/** In which a user's manager starts what has no WorkingDirectory=. */
const HOME = { scope: "user", defaultDirectory: "/root" } as const;
const CONTROL = "error Accept (app.socket)=yes";

test.each<[keyof typeof RULES, Facts, string[]]>([
  ["type", facts({ Type: "simple" }), ["error Type=simple: Type=notify"]],
  ["type", facts({ Type: "notify-reload" }), []],
  ["notifyAccess", facts({ NotifyAccess: "none" }), ["error NotifyAccess=none: NotifyAccess=exec"]],
  ["notifyAccess", facts({ NotifyAccess: "main" }), ["note NotifyAccess=main: NotifyAccess=exec"]],
  ["notifyAccess", facts({ NotifyAccess: "all" }), []],
  ["killMode", facts({ KillMode: "control-group" }), ["warning KillMode=control-group: KillMode=mixed"]],
  ["killMode", facts({ KillMode: "process" }), ["warning KillMode=process: KillMode=mixed"]],
  ["killMode", facts({ KillMode: "process", Delegate: false }), ["warning KillMode=process: KillMode=mixed"]],
  ["killSignal", facts({ KillSignal: 1 }), ["error KillSignal=SIGHUP: KillSignal=SIGTERM"]],
  ["killSignal", facts({ KillSignal: 3 }), []],
  ["killSignal", facts({ RestartKillSignal: 1 }), ["error RestartKillSignal=SIGHUP: RestartKillSignal=SIGTERM"]],
  ["killSignal", facts({ RestartKillSignal: 0 }), []],
  ["killSignal", facts({ KillSignal: 1, RestartKillSignal: 1 }), ["error KillSignal=SIGHUP: KillSignal=SIGTERM"]],
  ["execReload", facts({ ExecReload: [] }), [`error ExecReload=: ExecReload=${Z} reload`]],
  ["execReload", facts({ ExecReload: [], Type: "notify-reload" }), [`warning ExecReload=: ExecReload=${Z} reload`]],
  [
    "execReload",
    facts({ ExecReload: exec(["/bin/kill", "-HUP", "$MAINPID"]) }),
    [`warning ExecReload=/bin/kill -HUP $MAINPID: ExecReload= | ExecReload=${Z} reload`],
  ],
  [
    "execReload",
    facts({ ExecReload: exec([Z, "reload"], true) }),
    [`warning ExecReload=${Z} reload: ExecReload= | ExecReload=${Z} reload`],
  ],
  [
    "execReload",
    facts({ ExecReload: exec([Z, "reload", "--timeout", "5", "app"]) }),
    [`error ExecReload=${Z} reload --timeout 5 app: ExecReload= | ExecReload=${Z} reload`],
  ],
  ["execReload", facts({ ExecReload: exec([Z, "reload", "--timeout", "5", "--pid=7"]) }), []],
  ["execReload", facts({ ExecReload: [...exec(["/bin/true"]), ...exec([Z, "reload"])] }), []],
  ["execReload", facts(start(Z, "run", "--control", "none", "--", "x")), [`error ExecReload=${Z} reload: no fix`]],
  [
    "reloadSignal",
    facts({ ...start(Z, "run", "--reload-signal", "USR1", "--", "x"), Type: "notify-reload", ReloadSignal: 1 }),
    ["error ReloadSignal=SIGHUP: ReloadSignal=SIGUSR1"],
  ],
  ["reloadSignal", facts({ Type: "notify-reload", ReloadSignal: 1 }), []],
  ["reloadSignal", facts(start(Z, "run", "--reload-signal", "USR1", "--", "x")), []],
  [
    "timeoutStart",
    facts({ TimeoutStartUSec: 90_000_000n }),
    ["note TimeoutStartSec=1min 30s: TimeoutStartSec=10min 10s"],
  ],
  ["timeoutStart", facts({ ...start(Z, "run", "--ready", "exec", "--", "x"), TimeoutStartUSec: 1n }), []],
  ["timeoutStart", facts({ ...start(Z, "run", "--start-timeout", "$T", "--", "x"), TimeoutStartUSec: 1n }), []],
  ["timeoutStop", facts({ TimeoutStopUSec: 29_000_000n }), ["note TimeoutStopSec=29s: TimeoutStopSec=40s"]],
  ["timeoutStop", facts({ TimeoutStopUSec: 30_000_000n }), []],
  ["timeoutStop", facts(start(Z, "run", "--stop-timeout", "infinity", "--", "x")), []],
  [
    "timeoutStop",
    facts({ ...start(Z, "run", "--stop-timeout", "infinity", "--", "x"), TimeoutStopUSec: 5_000_000n }),
    ["note TimeoutStopSec=5s: TimeoutStopSec=infinity"],
  ],
  ["accept", facts({}, { socket: { Accept: true } }), [`${CONTROL}: Accept=no`]],
  [
    "accept",
    facts({}, { unit: "app@1.service", socket: { Accept: true } }),
    [`${CONTROL}: Accept=no | Service=app@1.service`],
  ],
  ["noSockets", facts({}, { sockets: [] }), ["warning TriggeredBy=: no fix"]],
  ["noSockets", facts(start(Z, "run", "--listen", "80", "--", "x"), { sockets: [] }), []],
  ["noSockets", facts(start(Z, "run", "$OPTIONS", "--", "x"), { sockets: [] }), []],
  ["socketsAreUp", facts({ Requires: [] }), ["note Requires=: Requires=app.socket"]],
  ["socketsAreUp", facts({ Requires: [], Wants: ["app.socket"] }), []],
  [
    "socketsAreUp",
    facts({ Requires: [], ActiveState: "active" }, { socket: { ActiveState: "inactive" } }),
    ["warning Requires=: Requires=app.socket"],
  ],
  [
    "socketInRuntimeDirectory",
    facts({}, { socket: { Listen: [["Stream", "/var/run/app/a.sock"]] } }),
    ["error RuntimeDirectory=app: RuntimeDirectoryPreserve=yes"],
  ],
  [
    "socketInRuntimeDirectory",
    facts({ RuntimeDirectoryPreserve: "yes" }, { socket: { Listen: [["Stream", "/run/app/a.sock"]] } }),
    [],
  ],
  ["socketInRuntimeDirectory", facts({}, { socket: { Listen: [["Stream", "/run/app.sock"]] } }), []],
  ["socketPaths", facts({ RuntimeDirectory: ["n".repeat(71)] }), []],
  [
    "socketPaths",
    facts({ RuntimeDirectory: ["n".repeat(72), "short"] }),
    [`warning RuntimeDirectory=${"n".repeat(72)}: no fix`],
  ],
  ["socketPaths", facts({ RuntimeDirectory: [] }), []],
  ["ownPaths", facts(start(Z, "run", "--control", `/${"c".repeat(106)}`, "--", "/srv/app")), []],
  [
    "ownPaths",
    facts(start(Z, "run", "--control", `/${"c".repeat(107)}`, "--", "/srv/app")),
    [`error ExecStart=${Z}: no fix`],
  ],
  [
    "ownPaths",
    facts(start(Z, "run", "--listen", `/${"l".repeat(107)}`, "--", "/srv/app")),
    [`error ExecStart=${Z}: no fix`],
  ],
  [
    "runtimeDirectory",
    facts({ RuntimeDirectory: [], User: "www" }),
    ["warning RuntimeDirectory=: RuntimeDirectory=app"],
  ],
  [
    "runtimeDirectory",
    facts({ RuntimeDirectory: [], ProtectSystem: "strict" }),
    ["error RuntimeDirectory=: RuntimeDirectory=app"],
  ],
  ["runtimeDirectory", facts({ RuntimeDirectory: [], ProtectSystem: "strict", ReadWritePaths: ["/run"] }), []],
  ["runtimeDirectory", facts({ RuntimeDirectory: [], User: "root" }), []],
  ["runtimeDirectory", facts({ RuntimeDirectory: [], User: "www" }, { scope: "user" }), []],
  [
    "addressFamilies",
    facts({ RestrictAddressFamilies: [true, ["AF_INET", "AF_INET6"]] }),
    ["error RestrictAddressFamilies=AF_INET AF_INET6: RestrictAddressFamilies=AF_UNIX"],
  ],
  [
    "addressFamilies",
    facts({ RestrictAddressFamilies: [false, ["AF_UNIX"]] }),
    ["error RestrictAddressFamilies=~AF_UNIX: RestrictAddressFamilies=AF_UNIX"],
  ],
  ["addressFamilies", facts({ RestrictAddressFamilies: [true, ["AF_UNIX"]] }), []],
  ["addressFamilies", facts({ RestrictAddressFamilies: [false, ["AF_PACKET"]] }), []],
  ["memoryDenyWriteExecute", facts({ MemoryDenyWriteExecute: true }), ["note MemoryDenyWriteExecute=yes: no fix"]],
  [
    "memoryDenyWriteExecute",
    facts({ ...app("/usr/bin/node", "s.js"), MemoryDenyWriteExecute: true }),
    ["error MemoryDenyWriteExecute=yes: MemoryDenyWriteExecute=no"],
  ],
  [
    "memoryDenyWriteExecute",
    facts({ ...app("node", "--jitless", "s.js"), MemoryDenyWriteExecute: true }),
    ["note MemoryDenyWriteExecute=yes: no fix"],
  ],
  ["systemCallFilter", facts({ SystemCallFilter: [false, []] }), []],
  ["systemCallFilter", facts({ SystemCallFilter: [false, ["reboot"]] }), []],
  [
    "systemCallFilter",
    facts({ SystemCallFilter: [false, ["kill", "reboot"]] }),
    ["error SystemCallFilter=~kill reboot: SystemCallFilter=kill"],
  ],
  ["systemCallFilter", facts({ SystemCallFilter: [false, ["pkey_alloc"]], SystemCallErrorNumber: 1 }), []],
  ["systemCallFilter", facts({ SystemCallFilter: [false, ["pkey_alloc:EPERM"]] }), []],
  [
    "systemCallFilter",
    facts({ SystemCallFilter: [false, ["pkey_alloc:kill"]], SystemCallErrorNumber: 1 }),
    ["error SystemCallFilter=~pkey_alloc:kill: SystemCallFilter=pkey_alloc"],
  ],
  [
    "systemCallFilter",
    facts({ SystemCallFilter: [false, ["socket"]], SystemCallErrorNumber: 1 }),
    ["error SystemCallFilter=~socket: SystemCallFilter=socket"],
  ],
  ["procSubset", facts({ ProcSubset: "pid" }), ["note ProcSubset=pid: no fix"]],
  ["procSubset", facts({ ProcSubset: "all" }), []],
  ["protectProc", facts({ ProtectProc: "ptraceable", User: "www" }), ["note ProtectProc=ptraceable: no fix"]],
  ["protectProc", facts({ ProtectProc: "ptraceable" }), []],
  ["protectProc", facts({ ProtectProc: "invisible", User: "www" }), []],
  ["tasksMax", facts({ TasksMax: 30n, TasksCurrent: 16n }), ["warning TasksMax=30: TasksMax=48"]],
  ["tasksMax", facts({ TasksMax: 32n, TasksCurrent: 16n }), []],
  ["tasksMax", facts({ TasksMax: 2n ** 64n - 1n, TasksCurrent: 16n }), []],
  ["tasksMax", facts({ TasksMax: 30n, TasksCurrent: 2n ** 64n - 1n }), []],
  [
    "memoryMax",
    facts({ MemoryMax: 100_000_000n, MemoryCurrent: 61_234_567n }),
    ["warning MemoryMax=100000000: MemoryMax=190000000"],
  ],
  ["memoryMax", facts({ MemoryMax: 100_000_000n, MemoryCurrent: 61_234_567n }, { pageCache: 20_000_000 }), []],
  [
    "missingProgram",
    facts({}, { programs: { ...FOUND, missing: [Z] } }),
    [
      `error ExecStart=${RUN.join(" ")}: ExecStart= | ExecStart=${OURS} ${RUN.slice(1).join(" ")}`,
      `error ExecReload=${Z} reload: ExecReload= | ExecReload=${OURS} reload`,
    ],
  ],
  [
    "missingProgram",
    facts({ ExecReload: exec(["/bin/none", "-HUP"]) }, { programs: { ...FOUND, missing: ["/bin/none"] } }),
    ["error ExecReload=/bin/none -HUP: no fix"],
  ],
  [
    "nodeIsFound",
    facts({}, { programs: { ...FOUND, pathWithoutNode: "/bin" } }),
    [`error Environment=PATH=/bin: Environment=PATH=${dirname(process.execPath)}:/bin`],
  ],
  [
    "ignoredFailure",
    facts({ ExecStart: exec(RUN, true) }),
    [`warning ExecStart=-${RUN.join(" ")}: ExecStart= | ExecStart=${RUN.join(" ")}`],
  ],
  ["container", facts(app("docker", "run", "x")), [`error ExecStart=${Z} run -- docker run x: no fix`]],
  ["container", facts(app("docker", "compose", "up")), [`error ExecStart=${Z} run -- docker compose up: no fix`]],
  ["container", facts(app("docker", "compose", "ps")), []],
  ["container", facts(app("docker", "ps")), []],
  [
    "container",
    facts(app("/usr/bin/podman", "--log-level=info", "container", "run", "--rm", "x")),
    [`error ExecStart=${Z} run -- /usr/bin/podman --log-level=info container run --rm x: no fix`],
  ],
  ["container", facts(app("podman", "start", "x")), [`error ExecStart=${Z} run -- podman start x: no fix`]],
  ["container", facts(app("podman", "run", "--cgroups=split", "x")), []],
  ["container", facts(app("podman", "run", "--cgroups", "split", "x")), []],
  ["container", facts(app("sudo", "docker", "run", "x")), [`error ExecStart=${Z} run -- sudo docker run x: no fix`]],
  [
    "container",
    facts(app("sh", "-c", "exec podman run x")),
    [`error ExecStart=${Z} run -- sh -c exec podman run x: no fix`],
  ],
  ["container", facts(app("node", "docker", "run")), []],
  ["watchdog", facts({}, { watchdog: 20e6 }), []],
  ["watchdog", facts({}, { watchdog: 5e3 }), ["warning WatchdogSec=5ms: WatchdogSec=200ms"]],
  ["watchdog", facts({}, { watchdog: Number.POSITIVE_INFINITY }), []],
  [
    "workingDirectory",
    facts({ WorkingDirectory: "!/srv/current" }, { realDirectory: "/srv/releases/1" }),
    [
      `warning WorkingDirectory=/srv/current: ExecStart= | ExecStart=${Z} run --working-directory /srv/current ${RUN.slice(2).join(" ")}`,
    ],
  ],
  ["workingDirectory", facts({ WorkingDirectory: "/srv/app/" }, { realDirectory: "/srv/app" }), []],
  [
    "workingDirectory",
    facts(
      { ...start(Z, "run", "--working-directory", "/srv/b", "--", "x"), WorkingDirectory: "/srv/current" },
      { realDirectory: "/srv/releases/1" },
    ),
    [],
  ],
  ["relativeCommand", facts(app("./x")), [`error ExecStart=${Z} run -- ./x: no fix`]],
  ["relativeCommand", facts(app("bin/x")), [`error ExecStart=${Z} run -- bin/x: no fix`]],
  [
    "relativeCommand",
    facts({ ...app("./x"), WorkingDirectory: "!/root" }, HOME),
    [`error ExecStart=${Z} run -- ./x: no fix`],
  ],
  ["relativeCommand", facts({ ...app("./x"), WorkingDirectory: "/root" }, HOME), []],
  ["relativeCommand", facts({ ...app("./x"), WorkingDirectory: "!/srv" }, HOME), []],
  ["relativeCommand", facts({ ...app("./x"), WorkingDirectory: "!/root" }), []],
  ["relativeCommand", facts(start(Z, "run", "--working-directory", "/srv", "--", "./x")), []],
  ["relativeCommand", facts(app("x", "./y")), []],
  ["appWrapper", facts(app("sh", "-c", "node s.js")), [`note ExecStart=${Z} run -- sh -c node s.js: no fix`]],
  ["appWrapper", facts(app("/bin/bash", "start.sh")), [`note ExecStart=${Z} run -- /bin/bash start.sh: no fix`]],
  ["appWrapper", facts(app("npm", "start")), [`note ExecStart=${Z} run -- npm start: no fix`]],
  ["appWrapper", facts(app("/usr/bin/npx", "serve")), [`note ExecStart=${Z} run -- /usr/bin/npx serve: no fix`]],
  ["appWrapper", facts(app("sh", "-c", "cd /srv; exec node s.js")), []],
  ["appWrapper", facts(app("sh", "-c", "trap 'exit 0' INT; while :; do sleep 1; done")), []],
  ["appWrapper", facts(app("npm", "exec", "serve")), [`note ExecStart=${Z} run -- npm exec serve: no fix`]],
  ["appWrapper", facts(app("node", "sh")), []],
  ["remainAfterExit", facts({ RemainAfterExit: true }), ["warning RemainAfterExit=yes: RemainAfterExit=no"]],
  ["restart", facts({ Restart: "no" }), ["note Restart=no: Restart=on-failure"]],
  ["restart", facts({ ...HASTY, Restart: "no" }), ["note Restart=no: Restart=on-failure | RestartSec=3"]],
  ["startLimit", facts(HASTY), ["warning RestartSec=100ms: RestartSec=3"]],
  ["startLimit", facts({ ...HASTY, Restart: "no" }), []],
  ["startLimit", facts({ ...HASTY, RestartUSec: 2_000_000n }), []],
  ["startLimit", facts({ ...HASTY, RestartUSec: 1_000_000n }), ["warning RestartSec=1s: RestartSec=3"]],
  ["startLimit", facts({ ...HASTY, RestartUSec: 2n ** 64n - 1n }), []],
  ["startLimit", facts({ ...HASTY, StartLimitBurst: 0 }), []],
  ["startLimit", facts({ ...HASTY, StartLimitIntervalUSec: 0n }), []],
  ["startLimit", facts({ ...HASTY, StartLimitIntervalUSec: 2n ** 64n - 1n }), ["warning RestartSec=100ms: no fix"]],
  ["oomPolicy", facts({ OOMPolicy: "stop" }), ["note OOMPolicy=stop: OOMPolicy=continue"]],
  ["delegate", facts({ Delegate: false }), ["note Delegate=no: Delegate=yes"]],
  [
    "delegate",
    facts({ Delegate: false, DelegateSubgroup: "" }),
    ["note Delegate=no: Delegate=yes | DelegateSubgroup=supervisor"],
  ],
  [
    "protectControlGroups",
    facts({ ProtectControlGroups: true }),
    ["warning ProtectControlGroups=yes: ProtectControlGroups=no"],
  ],
  ["protectControlGroups", facts({ ProtectControlGroups: true, ProtectControlGroupsEx: "private" }), []],
  [
    "protectControlGroups",
    facts({ ProtectControlGroups: true, ProtectControlGroupsEx: "strict" }),
    ["warning ProtectControlGroups=strict: ProtectControlGroups=no"],
  ],
  ["protectControlGroups", facts({ ProtectControlGroups: true, Delegate: false }), []],
  ["fdStore", facts({ FileDescriptorStoreMax: 7 }), ["warning FileDescriptorStoreMax=7: no fix"]],
  ["fdStore", facts({ FileDescriptorStoreMax: 7, FileDescriptorStorePreserve: "restart" }), []],
  ["fdStore", facts({ ...start(Z, "run", "--fdstore-max", "7", "--", "x"), FileDescriptorStoreMax: 7 }), []],
  [
    "fdStore",
    facts({ ...start(Z, "run", "--fdstore-max", "8", "--", "x"), FileDescriptorStoreMax: 7 }),
    ["note FileDescriptorStoreMax=7: FileDescriptorStoreMax=8"],
  ],
  [
    "fdStore",
    facts(start(Z, "run", "--fdstore-max", "8", "--", "x")),
    ["warning FileDescriptorStoreMax=0: FileDescriptorStoreMax=8"],
  ],
  ["needDaemonReload", facts({ NeedDaemonReload: true }), ["note NeedDaemonReload=yes: no fix"]],
  [
    "runOptions",
    facts(start(Z, "run", "--settle", "x", "--", "x")),
    [`error ExecStart=${Z} run --settle x -- x: no fix`],
  ],
  ["runOptions", facts(start(Z, "run", "--settle", "$SETTLE", "--", "x")), []],
])("%s %#: its finding, and the fix", (rule, about, expected) => {
  expect(found(rule, about)).toEqual(expected);
});

describe("what stands between systemd and zerodown", () => {
  const shell = start("/bin/sh", "-c", `${Z} run -- x`);
  test.each<[string, Facts, string[]]>([
    ["npx", facts(start("/usr/bin/npx", "zerodown", "run", "--", "a b")), ["error"]],
    ["a shell", facts(shell), ["warning"]],
    ["a shell that runs it by exec", facts(start("/bin/sh", "-c", `exec ${Z} run -- x`)), []],
    ["a shell that is the main process", facts(shell, { mainProcess: ["/bin/sh", "-c", "…"] }), ["error"]],
    ["a shell that zerodown took the place of", facts(shell, { mainProcess: ["node", "--expose-gc", ...RUN] }), []],
    ["env", facts(start("/usr/bin/env", "A=b", Z, "run", "--", "x")), []],
    [
      "env, with npm as the main process",
      facts(start("/usr/bin/env", "npm", Z, "run"), { mainProcess: ["npm"] }),
      ["error"],
    ],
    ["Node", facts(start("/usr/bin/node", "--max-semi-space-size=1", Z, "run", "--", "x")), []],
  ])("%s", (_, about, severities) => {
    expect(RULES.wrapper(about).map(({ severity }) => severity)).toEqual(severities);
  });

  test("is left out by the fix, which keeps the arguments", () => {
    const [finding] = RULES.wrapper(facts(start("/usr/bin/npx", "zerodown", "run", "--", "a b", "$C", "%d")));
    expect(finding!.fix!.lines[1]).toMatch(/^ExecStart=\/.* run -- "a b" \$C %%d$/);
  });

  test("is not the shell that zerodown's own script begins in", () => {
    expect(isDirect(["/bin/sh", ...RUN])).toBe(true);
    expect(isDirect(["/bin/sh", "-c", ...RUN])).toBe(false);
    expect(isDirect(["/usr/bin/node", "other.js", ...RUN])).toBe(false);
  });
});

test.each<[string, Facts, string]>([
  ["does not run zerodown", facts(start("/bin/sleep", "9")), "ExecStart=/bin/sleep 9"],
  ["is another command of zerodown", facts(start(Z, "status", "--watch")), `ExecStart=${Z} status --watch`],
  ["was not taken by systemd", facts({ LoadState: "bad-setting", KillMode: "none" }), "LoadState=bad-setting"],
])("of a unit that %s, that is the only finding", (_, about, expected) => {
  expect(checkUnit(about).map(({ severity, setting, value }) => `${severity} ${setting}=${value}`)).toEqual([
    `error ${expected}`,
  ]);
});
