// `systemctl reload` tells the truth: it returns when the new generation serves, and fails when it doesn't.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { loopback } from "../support/http-load.js";
import { APPS, ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

const VERSION = Number(/^systemd (\d+)/.exec(execFileSync("systemctl", ["--version"], { encoding: "utf8" }))![1]);

/** Each way to set a unit up, for the versions that know it. */
const WAYS = [
  { way: "Type=notify, ExecReload=zerodown reload", since: 247, canFail: true, mayBeTwo: false, service: [] },
  {
    way: "Type=notify-reload, no ExecReload=",
    since: 253,
    canFail: false,
    mayBeTwo: false,
    service: ["Type=notify-reload", "ExecReload="],
  },
  {
    way: "Type=notify-reload, ExecReload=zerodown reload",
    since: 253,
    canFail: true,
    // On a busy machine systemd may start the command later than SAME_REQUEST after the signal: that makes two reloads.
    mayBeTwo: true,
    service: ["Type=notify-reload"],
  },
].filter(({ since }) => VERSION >= since);

afterEach(removeUnits);

/** The app is what the file `app` in the unit's directory says, at the time of each start. */
function install(start: number, stop: number, service: readonly string[] = []): TestUnit {
  const unit = installApp({ command: "sh app", service });
  unit.install(`${unit.service}.d/directory.conf`, ["[Service]", `WorkingDirectory=${unit.directory}`]);
  deploy(unit, `${start} ${stop}`);
  return unit;
}

function deploy(unit: TestUnit, args: string): void {
  writeFileSync(`${unit.directory}/app`, `exec ${APPS}slow.sh ${args}\n`);
}

describe.each(WAYS)("$way", ({ service, canFail, mayBeTwo }) => {
  test("a reload returns when the new generation serves, and is one reload", async () => {
    const unit = install(0, 0, service);
    await unit.start();
    const reload = async (from: number) => {
      deploy(unit, "0.3 0");
      await unit.reload();
      const text = await unit.property("StatusText");
      expect(text).toMatch(/^Generation \d+ \(pid \d+\) serving/);
      const serving = Number(/\d+/.exec(text)![0]);
      expect([from + 1, from + (mayBeTwo ? 2 : 1)]).toContain(serving);
      expect(await unit.property("ActiveState")).toBe("active");
      return serving;
    };
    let [serving, once] = [1, 0];
    for (let tries = mayBeTwo ? 6 : 2; tries > 0 && once < 2; tries--) {
      const before = serving;
      serving = await reload(before);
      if (serving === before + 1) once++;
    }
    expect(once).toBe(2);
    expect(unit.log.matching(/ started$/)).toHaveLength(serving);
  });

  test(`a reload that fails ${canFail ? "fails" : "can't fail"} systemctl, and the old generation serves`, async () => {
    const unit = install(0, 0, service);
    await unit.start();
    const pid = await unit.serving(1);
    deploy(unit, "0 0 7");
    const { status } = await unit.systemctl("reload", unit.service);
    expect(status).toBe(canFail ? 1 : 0);
    expect(await unit.property("ActiveState")).toBe("active");
    const text = await unit.property("StatusText");
    expect(text.replace(/\d+/, "N")).toBe(
      `Reload failed: generation N exited with status 7 before it was ready. Generation 1 (pid ${pid}) still serving`,
    );
    const last = Number(/\d+/.exec(text)![0]);
    expect([2, mayBeTwo ? 3 : 2]).toContain(last);
    expect(unit.log.matching(/ started$/)).toHaveLength(last);
    deploy(unit, "0 0");
    await unit.reload();
    await unit.serving(last + 1);
  });
});

test("ExecReload= starts no Node", async () => {
  const unit = install(0, 0);
  writeFileSync(`${unit.directory}/node`, "#!/bin/sh\nexit 9\n", { mode: 0o755 });
  const reload = `ExecReload=env PATH=${unit.directory}:/usr/bin:/bin ${ZERODOWN} reload`;
  unit.install(`${unit.service}.d/no-node.conf`, ["[Service]", "ExecReload=", reload]);
  await unit.start();
  await unit.reload();
  await unit.serving(2);
  deploy(unit, "0 0 7");
  expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
  await unit.log.next(/generation 3 .* exited with status 7 before it was ready/);
});

describe("a generation slower than the unit's own timeouts, but within ours,", () => {
  test("doesn't make systemd give up: not at the start, not at a reload, not at a stop", async () => {
    const unit = install(2.5, 2.5, ["TimeoutStartSec=1", "TimeoutStopSec=1"]);
    await unit.start();
    await unit.reload();
    expect(await unit.property("StatusText")).toMatch(/^Generation 2 /);
    await unit.stop();
    expect(await unit.property("Result")).toBe("success");
    await unit.log.next(/generation 2 .* drained and exited with status 0/);
  });
});

describe("zerodown reload UNIT", () => {
  const reload = (...args: string[]) => {
    try {
      return {
        status: 0,
        output: execFileSync(ZERODOWN, ["reload", "--user", ...args], { encoding: "utf8", stdio: "pipe" }),
      };
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return { status, output: stderr };
    }
  };

  test("asks systemd, and tells what came of it", async () => {
    const unit = install(0, 0);
    await unit.start();
    expect(reload(unit.service)).toEqual({
      status: 0,
      output: expect.stringMatching(/^generation 2 \(pid \d+\) serving/),
    });
    deploy(unit, "0 0 7");
    const { status, output } = reload(unit.service);
    expect(status).toBe(1);
    expect(output).toMatch(/^zerodown: .*: Reload failed: generation 3 exited with status 7 before it was ready/);
    expect(output).toMatch(/systemd says: failed/);
    expect(output).toMatch(/the last lines of .*generation 3/s);
  });

  test("what the app wrote reaches no terminal as a command: neither its lines nor its STATUS=", async () => {
    const unit = install(0, 0);
    await unit.start();
    const evil = String.raw`\033]0;title\007\033[2J\302\2332J`;
    const say = `printf '${evil}' >&2; systemd-notify "STATUS=$(printf '${evil}')"`;
    writeFileSync(`${unit.directory}/app`, `${say}; exec sh -c 'exit 7'\n`);
    const { status, output } = reload(unit.service);
    expect(status).toBe(1);
    expect(output).toMatch(/its last status: .*title.*\n {2}the last lines .*\n(.*\n)* {3}\]0;title/);
    expect(output).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  test("an app that binds the address which is held for it: who holds it, and what it must take", async () => {
    const { host, port } = loopback();
    const unit = install(0, 0);
    unit.install(`${unit.socket}.d/tcp.conf`, ["[Socket]", `ListenStream=${host}:${port}`]);
    await unit.start();
    writeFileSync(`${unit.directory}/app`, `exec node -e 'require("net").createServer().listen(${port}, "${host}")'\n`);
    const { status, output } = reload(unit.service);
    expect([status, output.trimEnd().split("\n").at(-1)]).toEqual([
      1,
      `  ${host}:${port} is held by zerodown, for each generation: the app must take descriptor 4 ($LISTEN_FDS) in place of binding it`,
    ]);
  });

  test("an app that daemonizes: the log asks whether it does", async () => {
    const unit = install(0, 0);
    await unit.start();
    writeFileSync(`${unit.directory}/app`, "sleep 0.1 & exit 0\n");
    expect(reload(unit.service).status).toBe(1);
    await unit.log.next(/generation 2 .* exited with status 0 before it was ready\. Does it daemonize\?/);
  });

  test("a unit whose ExecReload= doesn't wait: no success is told that is none", async () => {
    const unit = install(0, 0, ["ExecReload=", "ExecReload=true"]);
    await unit.start();
    expect(reload(unit.service)).toEqual({ status: 1, output: expect.stringMatching(/its ExecReload= doesn't wait/) });
  });

  test.each([
    ["no such unit", ["nothing-of-that-name"], 69, /there is no unit nothing-of-that-name\.service/],
    ["two units", ["a", "b"], 64, /one unit at a time/],
    ["no target at all", [], 64, /which service\?/],
  ])("%s: one line and an exit status", (_, args, status, message) => {
    const result = reload(...args);
    expect(result.status).toBe(status);
    expect(result.output.trim().split("\n")).toEqual([expect.stringMatching(message)]);
  });

  test("a unit that isn't ours: one line and an exit status", async () => {
    const unit = install(0, 0, ["Type=simple", "ExecStart=", "ExecStart=sleep infinity"]);
    await unit.start();
    expect(reload(unit.service)).toEqual({
      status: 69,
      output: expect.stringMatching(/sleep \(pid \d+\) has no control socket/),
    });
  });
});
