// zerodown check on units that a real systemd has loaded; and that what it says of them is true.

import { existsSync, mkdirSync, symlinkSync, unlinkSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import type { Finding } from "../../src/cli/check/finding.js";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { installUnits, property, removeUnits, systemctl, UNITS, zerodown } from "../support/user-manager.js";

const directory = temporaryDirectory();
afterEach(removeUnits);
afterAll(() => directory.remove());

const NAME = `zerodown-check-${process.pid}`;
const SERVICE = `${NAME}.service`;
const RUN = `${ZERODOWN} run --ready exec -- /bin/sleep 1000`;

function service(...lines: string[]): string {
  return ["[Service]", ...lines, ""].join("\n");
}

interface Report {
  unit: string;
  wrong: boolean;
  findings: Finding[];
  dropIns: { unit: string; text: string }[];
}

function check(unit = NAME): Report & { status: number | null; found: string[] } {
  const { status, stdout } = zerodown("check", "--user", "--json", unit);
  const report = JSON.parse(stdout) as Report;
  return {
    ...report,
    status,
    found: report.findings.map(({ severity, setting, value }) => `${severity} ${setting}=${value}`),
  };
}

test("a unit with all that is wrong: each finding, and one drop-in after which it works", () => {
  mkdirSync(`${directory.path}/releases`);
  symlinkSync("releases", `${directory.path}/current`);
  installUnits({
    [SERVICE]: service(
      `ExecStart=/usr/bin/timeout 1h ${RUN}`,
      "KillSignal=SIGHUP",
      "RestrictAddressFamilies=AF_INET",
      "MemoryDenyWriteExecute=yes",
      "WatchdogSec=5ms",
      `WorkingDirectory=${directory.path}/current`,
      "RemainAfterExit=yes",
      `RuntimeDirectory=${NAME}`,
      "TimeoutStopSec=20",
    ),
    [`${NAME}.socket`]: `[Socket]\nListenStream=%t/${NAME}/a.sock\n`,
  });
  const report = check();
  expect(report).toMatchObject({ unit: SERVICE, status: 1, wrong: true });
  expect(report.found.map(line => line.replace(/(ExecStart|WorkingDirectory)=.*/, "$1")).sort()).toEqual([
    "error ExecReload=",
    "error ExecStart",
    "error KillSignal=SIGHUP",
    "error RestrictAddressFamilies=AF_INET",
    `error RuntimeDirectory=${NAME}`,
    "error Type=simple",
    "note Delegate=no",
    "note MemoryDenyWriteExecute=yes",
    "note NotifyAccess=main",
    "note OOMPolicy=stop",
    "note Requires=",
    "note Restart=no",
    "note StateDirectory=",
    "note TimeoutStopSec=20s",
    "warning KillMode=control-group",
    "warning RemainAfterExit=yes",
    "warning WatchdogSec=5ms",
    "warning WorkingDirectory",
  ]);
  installUnits(Object.fromEntries(report.dropIns.map(({ unit, text }) => [`${unit}.d/override.conf`, text])));
  const rest = ["note MemoryDenyWriteExecute=yes"];
  expect(check()).toMatchObject({ status: 0, wrong: false, found: rest, dropIns: [] });
  expect(systemctl("start", NAME).status).toBe(0);
  expect(systemctl("reload", NAME).status).toBe(0);
  expect(check().found).toEqual(rest);
});

test("a socket with Accept=yes is found, though it doesn't name the service, and put right", () => {
  installUnits({
    [SERVICE]: service("Type=notify", `ExecStart=${RUN}`, "KillMode=mixed", `ExecReload=${ZERODOWN} reload`),
    [`${NAME}@.service`]: service("ExecStart=/bin/true"),
    [`${NAME}.socket`]: `[Socket]\nListenStream=@${NAME}\nAccept=yes\n`,
  });
  const report = check();
  expect(report.found.filter(line => !line.startsWith("note"))).toEqual([`error Accept (${NAME}.socket)=yes`]);
  installUnits(Object.fromEntries(report.dropIns.map(({ unit, text }) => [`${unit}.d/override.conf`, text])));
  expect(check()).toMatchObject({ status: 0 });
});

test("for people: what, why and the fix of each, the worst first, and how to install them all", () => {
  installUnits({ [SERVICE]: service("Type=notify", `ExecStart=${RUN}`, `ExecReload=${ZERODOWN} reload`) });
  const { status, stdout } = zerodown("check", "--user", NAME);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^warning {2}KillMode=control-group\n {9}at a stop .*\n {9}fix: KillMode=mixed\n/);
  expect(stdout).toContain(
    `\nAll of it, as a drop-in: systemctl --user edit ${SERVICE}\n\n    [Service]\n    NotifyAccess=exec\n    KillMode=mixed\n`,
  );
  expect(stdout).toMatch(new RegExp(`\n\nThen: systemctl --user restart ${SERVICE}\n$`));
});

test("a shell as the main process is an error; one that zerodown took the place of is none", () => {
  const line = `ExecStart=/bin/sh -c '${ZERODOWN} run --ready exec -- /bin/sleep 1000; true'`;
  installUnits({ [SERVICE]: service("Type=exec", line) });
  expect(check().found.filter(line => line.includes("ExecStart"))).toEqual([expect.stringMatching(/^warning /)]);
  systemctl("start", NAME);
  expect(check().found.filter(line => line.includes("ExecStart"))).toEqual([expect.stringMatching(/^error /)]);
  installUnits({ [SERVICE]: service("Type=notify", `ExecStart=/bin/sh -c 'eval "exec ${RUN}"'`) });
  systemctl("restart", NAME);
  expect(check().found.filter(line => line.includes("ExecStart"))).toEqual([]);
});

describe("what it says is true:", () => {
  test("zerodown has the time it asks for, at start, reload and stop, though the unit's limits are shorter", () => {
    const app = "trap 'sleep 2; exit 0' INT; while :; do sleep 0.1; done";
    installUnits({
      [SERVICE]: service(
        "Type=notify",
        `ExecStart=${ZERODOWN} run --ready delay:2s --stop-timeout 10 -- /bin/sh -c "${app}"`,
        `ExecReload=${ZERODOWN} reload`,
        "KillMode=mixed",
        "TimeoutStartSec=1",
        "TimeoutStopSec=1",
      ),
    });
    expect(check().found).toEqual(expect.arrayContaining(["note TimeoutStartSec=1s", "note TimeoutStopSec=1s"]));
    expect(systemctl("start", NAME).status).toBe(0);
    expect(systemctl("reload", NAME).status).toBe(0);
    expect(systemctl("stop", NAME).status).toBe(0);
    expect([property(NAME, "Result"), property(NAME, "ExecMainStatus")]).toEqual(["success", "0"]);
  });

  test("with RestrictAddressFamilies=AF_INET zerodown doesn't start", () => {
    installUnits({ [SERVICE]: service("Type=notify", `ExecStart=${RUN}`, "RestrictAddressFamilies=AF_INET") });
    expect(systemctl("start", NAME).status).toBe(1);
    expect([property(NAME, "Result"), property(NAME, "ExecMainStatus")]).toEqual(["exit-code", "73"]);
  });

  test("with MemoryDenyWriteExecute=yes zerodown does start, and an app on Node doesn't", () => {
    const line = "MemoryDenyWriteExecute=yes";
    installUnits({ [SERVICE]: service("Type=notify", `ExecStart=${RUN}`, line) });
    expect(systemctl("start", NAME).status).toBe(0);
    const run = `${ZERODOWN} run -- ${process.execPath} -e 0`;
    installUnits({ [SERVICE]: service("Type=notify", `ExecStart=${run}`, line) });
    expect(systemctl("restart", NAME).status).toBe(1);
    expect([property(NAME, "Result"), property(NAME, "ExecMainStatus")]).toEqual(["exit-code", "133"]);
  });

  test("a socket in the service's RuntimeDirectory= is gone when that stops", () => {
    installUnits({
      [SERVICE]: service("Type=notify", `ExecStart=${RUN}`, "KillMode=mixed", `RuntimeDirectory=${NAME}`),
      [`${NAME}.socket`]: `[Socket]\nListenStream=%t/${NAME}/a.sock\n`,
    });
    const finding = check().findings.find(({ setting }) => setting === "RuntimeDirectory");
    expect(finding).toMatchObject({ severity: "error", why: expect.stringContaining(`/${NAME}/a.sock`) });
    systemctl("start", `${NAME}.socket`);
    systemctl("start", NAME);
    expect(existsSync(`${process.env.XDG_RUNTIME_DIR}/${NAME}/a.sock`)).toBe(true);
    systemctl("stop", SERVICE);
    expect(property(`${NAME}.socket`, "ActiveState")).toBe("active");
    expect(existsSync(`${process.env.XDG_RUNTIME_DIR}/${NAME}/a.sock`)).toBe(false);
  });

  test("a watchdog that nobody could feed in time is longer once zerodown runs", () => {
    installUnits({ [SERVICE]: service("Type=notify", `ExecStart=${RUN}`, "KillMode=mixed", "WatchdogSec=5ms") });
    expect(check().found).toContain("warning WatchdogSec=5ms");
    expect(systemctl("start", NAME).status).toBe(0);
    expect(property(NAME, "WatchdogUSec")).toBe("200ms");
    expect(check().found.join()).not.toContain("WatchdogSec");
  });
});

describe("what it says of the sandbox, the programs and the limits is true, and so is each fix:", () => {
  const right = ["Type=notify", "NotifyAccess=exec", "KillMode=mixed", "Delegate=yes", `ExecReload=${ZERODOWN} reload`];
  const start = `ExecStart=${RUN}`;

  /** Installs it, and returns what is found beside the notes. */
  function wrong(...lines: string[]): string[] {
    installUnits({ [SERVICE]: service(...right, ...lines), [`${NAME}.socket`]: `[Socket]\nListenStream=@${NAME}\n` });
    return check().found.filter(line => !/^note|RestartSec/.test(line));
  }

  function fix(): void {
    const { dropIns } = check();
    installUnits(Object.fromEntries(dropIns.map(({ unit, text }) => [`${unit}.d/override.conf`, text])));
    expect(systemctl("reset-failed", NAME).status).toBe(0);
    expect(check().found.filter(line => !line.startsWith("note"))).toEqual([]);
    expect(systemctl("start", NAME).status).toBe(0);
    expect(systemctl("reload", NAME).status).toBe(0);
    expect(systemctl("stop", NAME).status).toBe(0);
    expect(property(NAME, "Result")).toBe("success");
  }

  test.each(["@system-service", "~@process", "~@ipc", "~@signal", "~@pkey"])("SystemCallFilter=%s", filter => {
    expect(wrong(start, `SystemCallFilter=${filter}`)).toEqual([expect.stringMatching(/^error SystemCallFilter=/)]);
    expect(systemctl("start", NAME).status).toBe(1);
    expect([property(NAME, "Result"), property(NAME, "ExecMainStatus")]).toEqual(["signal", "31"]);
    fix();
  });

  test.each([
    ["@system-service", "SystemCallErrorNumber=EPERM"],
    ["~@privileged @resources", ""],
    ["~@pkey:EPERM", ""],
  ])("SystemCallFilter=%s with %j isn't a fault", (filter, line) => {
    expect(wrong(start, `SystemCallFilter=${filter}`, line)).toEqual([]);
    expect(systemctl("start", NAME).status).toBe(0);
  });

  test("MemoryDenyWriteExecute=yes with an app on Node", () => {
    const run = `ExecStart=${ZERODOWN} run --ready delay:1s -- ${process.execPath} -e "setInterval(Date, 1e6)"`;
    expect(wrong(run, "MemoryDenyWriteExecute=yes")).toEqual(["error MemoryDenyWriteExecute=yes"]);
    expect(systemctl("start", NAME).status).toBe(1);
    fix();
  });

  test("ExecStart= and ExecReload= that aren't there", () => {
    const reload = ["ExecReload=", "ExecReload=/nowhere/zerodown reload"];
    expect(wrong(`ExecStart=/nowhere/zerodown run --ready exec -- sleep 1000`, ...reload)).toEqual([
      "error ExecStart=/nowhere/zerodown run --ready exec -- sleep 1000",
      "error ExecReload=/nowhere/zerodown reload",
    ]);
    expect(systemctl("start", NAME).status).toBe(1);
    expect(property(NAME, "ExecMainStatus")).toBe("203");
    fix();
  });

  test("a Node that isn't in the $PATH of the service", () => {
    expect(wrong(start, "Environment=PATH=/nowhere")).toEqual(["error Environment=PATH=/nowhere"]);
    expect(systemctl("start", NAME).status).toBe(1);
    fix();
  });

  test("a Node beside the command is found, whatever the $PATH is", () => {
    const bin = `${directory.path}/nvm/bin`;
    mkdirSync(bin, { recursive: true });
    symlinkSync(ZERODOWN, `${bin}/zerodown`);
    symlinkSync(process.execPath, `${bin}/node`);
    const run = `ExecStart=${bin}/zerodown run --ready exec -- /bin/sleep 1000`;
    expect(wrong(run, "Environment=PATH=/nowhere")).toEqual([]);
    expect(systemctl("start", NAME).status).toBe(0);
  });

  test("ExecStart=- ends Restart=on-failure", () => {
    const run = RUN.replace("/bin/sleep 1000", "/bin/false");
    expect(wrong(`ExecStart=-${run}`, "Restart=on-failure")).toEqual([`warning ExecStart=-${run}`]);
    systemctl("start", NAME);
    expect(property(NAME, "Result")).toBe("success");
    expect(property(NAME, "NRestarts")).toBe("0");
  });
});

describe("bad input is one line and its exit status:", () => {
  test.each([
    [[], 64, "which unit? See zerodown check --help"],
    [[""], 64, "the name of the unit is empty"],
    [["a", "b"], 64, 'one unit at a time: "b" is too many'],
    [["--user", "--system", "a"], 64, "give one of --user and --system"],
    [["--pid", "1"], 64, "unknown option '--pid'; see zerodown check --help"],
    [["app.socket"], 64, `"app.socket" isn't a service, and zerodown runs in services`],
    [["--user", "no/unit"], 69, "Unit name no/unit.service is not valid."],
    [["--user", "a@.service"], 69, "Unit name a@.service is missing the instance name."],
    [["--user", `${NAME}-none`], 69, `there is no unit ${NAME}-none.service`],
    [["--system", "a"], 69, expect.stringMatching(/^the system bus can't be reached: /)],
  ])("%j", (args, expected, line) => {
    const { status, stdout, stderr } = zerodown("check", ...args);
    expect(stderr).toMatch(/^zerodown: .*\n$/);
    expect([status, stdout, stderr.slice("zerodown: ".length, -1)]).toEqual([expected, "", line]);
  });

  test("a masked unit", () => {
    const file = `${UNITS}/${NAME}-masked.service`;
    symlinkSync("/dev/null", file);
    systemctl("daemon-reload");
    const { status, stderr } = zerodown("check", "--user", `${NAME}-masked`);
    expect([status, stderr]).toEqual([69, `zerodown: ${NAME}-masked.service is masked\n`]);
    unlinkSync(file);
  });

  test("a unit that systemd doesn't take, and one that doesn't run zerodown, are findings", () => {
    installUnits({
      [SERVICE]: service("ExecStart=/bin/sleep 9"),
      [`${NAME}-bad.service`]: service("ExecStart=no/path"),
    });
    expect(check()).toMatchObject({ status: 1, found: ["error ExecStart=/bin/sleep 9"] });
    expect(check(`${NAME}-bad`)).toMatchObject({ status: 1, found: ["error LoadState=bad-setting"] });
  });
});
