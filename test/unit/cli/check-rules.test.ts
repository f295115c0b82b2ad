// The rules of `zerodown check` about the settings of the service, each alone: what it finds in a unit that is right but for
// one thing. check-surroundings.test.ts has those about its sockets, its sandbox and its programs.

import { describe, expect, test } from "@jest/globals";
import { isDirect } from "../../../src/cli/check/command-line.js";
import type { Facts } from "../../../src/cli/check/facts.js";
import { checkUnit, RULES } from "../../../src/cli/check/rules.js";
import { exec, facts, found, RUN, start, Z } from "../../support/unit-facts.js";

/** systemd's defaults. */
const HASTY = { RestartUSec: 100_000n, StartLimitBurst: 5, StartLimitIntervalUSec: 10_000_000n };

const APP = start("/usr/bin/node", "/srv/app/server.mjs");

test("a stopped unit is taken for that of an app which calls init() by its ExecReload=, and else isn't ours", () => {
  const notes = checkUnit(facts({ ...APP, KillMode: "process" })).map(
    ({ severity, setting }) => `${severity} ${setting}`,
  );
  expect(notes).toEqual(["warning KillMode", "note ExecStart"]);
  const foreign = checkUnit(facts({ ...APP, ExecReload: exec(["/bin/kill", "-HUP", "$MAINPID"]) }));
  expect(foreign).toEqual([expect.objectContaining({ severity: "error", setting: "ExecStart" })]);
  expect(foreign[0]!.why).toContain("An app that calls init() is seen while it runs");
});

test("nothing is found in a unit that is right", () => {
  expect(checkUnit(facts())).toEqual([]);
});

test.each<[keyof typeof RULES, Facts, string[]]>([
  // An app that calls init() shows zerodown in ExecStart= at no time, and in its main process while it runs.
  ["stoppedInitApp", facts(APP), ["note ExecStart=/usr/bin/node /srv/app/server.mjs: no fix"]],
  ["stoppedInitApp", facts(APP, { mainProcess: ["node", "--", Z, "run", "--", "node", "/srv/app/server.mjs"] }), []],
  ["stoppedInitApp", facts(), []],
  ["wrapper", facts(APP), []],
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
  ["bootWeight", facts({ DelegateControllers: ["cpu", "memory"] }), []],
  ["bootWeight", facts({ DelegateControllers: ["memory", "pids"] }), ["note Delegate=memory pids: Delegate=yes"]],
  ["bootWeight", facts({ Delegate: false }), []],
  [
    "bootWeight",
    facts({ ...start(Z, "run", "--boot-weight", "1", "--", "x"), Delegate: false }),
    ["warning Delegate=no: Delegate=yes"],
  ],
  ["bootWeight", facts({ ...start(Z, "run", "--boot-weight", "100", "--", "x"), DelegateControllers: ["memory"] }), []],
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
  ["startedOtherwise", facts(), []],
  ["startedOtherwise", facts({}, { mainProcess: ["node", "--", ...RUN] }), []],
  ["startedOtherwise", facts({}, { mainProcess: ["nginx", "run"] }), []],
  [
    "startedOtherwise",
    facts({}, { mainProcess: [Z, "run", "--stop-timeout", "60", "--", "/srv/app/serve"] }),
    [`note ExecStart=${RUN.join(" ")}: no fix`],
  ],
  [
    "startedOtherwise",
    facts(start(Z, "run", "$OPTIONS", `--settle=\${TIME}s`, "--", "$COMMAND", "$$.1"), {
      mainProcess: [Z, "run", "--workers", "4", "--settle=5s", "--", "$.1"],
    }),
    [],
  ],
  [
    "startedOtherwise",
    facts(start(Z, "run", "$OPTIONS", "--", "$COMMAND", "a.b"), { mainProcess: [Z, "run", "--", "x", "acb"] }),
    [`note ExecStart=${Z} run $OPTIONS -- $COMMAND a.b: no fix`],
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
