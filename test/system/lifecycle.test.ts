// Starts, ends and accidents of a service under a real systemd.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { ask, loopback } from "../support/http-load.js";
import { APPS, EXAMPLE_APP } from "../support/supervisor.js";
import { type App, installApp, removeUnits } from "../support/unit.js";

afterEach(removeUnits);

const EXAMPLE = `node ${EXAMPLE_APP}`;

/** An app on a TCP socket of its own. */
function install(app: App) {
  const address = loopback();
  const unit = installApp({ ...app, socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`] });
  return { address, unit };
}

/** Makes one in that directory. */
function fifo(directory: string): string {
  execFileSync("mkfifo", [`${directory}/fifo`]);
  return `${directory}/fifo`;
}

test("the first connection starts the service, and is answered", async () => {
  const { address, unit } = install({ command: EXAMPLE });
  await unit.listen();
  expect(await unit.property("ActiveState")).toBe("inactive");
  expect(await ask(address)).toMatch(/generation 1,/);
  await unit.started();
  expect(await unit.property("ActiveState")).toBe("active");
});

test("started by name, it has its sockets too", async () => {
  const { address, unit } = install({ command: EXAMPLE });
  await unit.start();
  expect(await unit.property("ActiveState", unit.socket)).toBe("active");
  expect(await ask(address)).toMatch(/generation 1,/);
});

test("a stop is clean, and the next connection starts it again", async () => {
  const { address, unit } = install({ command: EXAMPLE });
  await unit.listen();
  await ask(address);
  const pid = await unit.mainPid();
  await unit.stop();
  expect(await unit.property("ActiveState")).toBe("inactive");
  expect(await unit.property("Result")).toBe("success");
  expect(await unit.property("ExecMainStatus")).toBe("0");
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(await ask(address)).toMatch(/generation 1,/);
});

test("a generation that crashes is replaced, and systemd doesn't notice", async () => {
  const { address, unit } = install({ command: EXAMPLE });
  await unit.start();
  const changes = await unit.follow();
  const pid = await unit.mainPid();
  process.kill(await unit.serving(1), "SIGKILL");
  expect(await ask(address)).toMatch(/generation 2,/);
  await changes.next(/^StatusText=Generation 2 \(pid \d+\) serving/);
  expect(changes.matching(/^(ActiveState|SubState|MainPID|NRestarts)=/)).toEqual([]);
  expect(changes.lines[0]).toMatch(
    /^StatusText=Generation 1 \(pid \d+\) was killed by SIGKILL\. Starting generation 2$/,
  );
  expect(await unit.mainPid()).toBe(pid);
});

test("an app that exits 0 has done its work: the next connection starts it again", async () => {
  const { address, unit } = install({ command: `/usr/bin/python3 ${APPS}one-answer.py` });
  await unit.listen();
  const changes = await unit.follow();
  for (let round = 0; round < 3; round++) {
    const from = changes.count;
    expect(await ask(address)).toBe("ok");
    await changes.next(/^ActiveState=inactive$/, from);
  }
  expect(await unit.property("Result")).toBe("success");
  expect(await unit.property("NRestarts")).toBe("0");
});

test("an app that can't start makes systemctl start fail, with the app's own exit status and a reason", async () => {
  const { unit } = install({ command: "sh -c 'exit 3'", service: ["Restart=no"] });
  await unit.must("daemon-reload");
  const { status, stderr } = await unit.systemctl("start", unit.service);
  expect(status).toBe(1);
  expect(stderr).toContain("control process exited with error code");
  expect(await unit.property("ActiveState")).toBe("failed");
  expect(await unit.property("ExecMainStatus")).toBe("3");
  expect(await unit.property("StatusText")).toBe("Start failed: generation 1 exited with status 3 before it was ready");
});

test("a status above 125 is the service's, too: SuccessExitStatus=143 holds as it does without a supervisor", async () => {
  const service = ["Restart=no", "SuccessExitStatus=143"];
  const command = `sh -c 'systemd-notify --ready; read line <"$1"; exit 143' sh`;
  const options = "--on-crash exit";
  const unit = installApp({ command: directory => `${command} ${fifo(directory)}`, options, service });
  await unit.start();
  const changes = await unit.follow();
  writeFileSync(`${unit.directory}/fifo`, "\n");
  await changes.next(/^ActiveState=inactive$/);
  expect(await unit.property("ExecMainStatus")).toBe("143");
  expect(await unit.property("Result")).toBe("success");
});

test("an app that exits with 128 + the stop signal, as a JVM does, has drained: reloads and a stop are clean", async () => {
  const command = `sh -c 'trap "exit 143" TERM; systemd-notify --ready; while :; do sleep 0.05; done'`;
  const unit = installApp({ command, options: "--stop-signal SIGTERM", service: ["Restart=no"] });
  await unit.start();
  await unit.reload();
  await unit.log.next(/generation 1 .* drained and exited with status 143$/);
  await unit.stop();
  expect(await unit.property("ExecMainStatus")).toBe("0");
  expect(await unit.property("Result")).toBe("success");
});

test("what can't be executed makes it fail likewise", async () => {
  const { unit } = install({ command: "no-such-command", service: ["Restart=no"] });
  await unit.must("daemon-reload");
  expect((await unit.systemctl("start", unit.service)).status).toBe(1);
  expect(await unit.property("ExecMainStatus")).toBe("69");
  expect(await unit.property("StatusText")).toMatch(
    /^Start failed: generation 1 could not be started: .*no-such-command/,
  );
});

test("when zerodown is killed the app goes too, and both come back on the same socket", async () => {
  const { address, unit } = install({ command: EXAMPLE, service: ["RestartSec=100ms"] });
  await unit.start();
  const changes = await unit.follow();
  const child = await unit.serving(1);
  process.kill(await unit.mainPid(), "SIGKILL");
  await changes.next(/^SubState=auto-restart$/);
  // Whoever asks now waits until it is back.
  expect(await ask(address)).toMatch(/generation 1,/);
  await changes.next(/^ActiveState=active$/);
  expect(existsSync(`/proc/${child}`)).toBe(false);
  expect(await unit.property("NRestarts")).toBe("1");
  expect(changes.matching(/^Result=/)[0]).toBe("Result=signal");
});

test("when zerodown is killed and systemd kills nothing, the app is told to stop, and finishes", async () => {
  const { address, unit } = install({
    command: `/usr/bin/python3 ${APPS}notify.py`,
    service: ["KillMode=process", "Restart=no"],
  });
  await unit.start();
  await ask(address);
  process.kill(await unit.mainPid(), "SIGKILL");
  await unit.log.next(/^all answered$/);
});

test("with KillMode=control-group, by which systemd signals the app, too, a stop is no crash", async () => {
  const { unit } = install({
    command: `/usr/bin/python3 ${APPS}answer.py v1`,
    options: "--workers 4 --on-crash exit",
    service: ["KillMode=control-group"],
  });
  for (let count = 0; count < 5; count++) {
    await unit.start();
    await unit.stop();
    expect(await unit.property("Result")).toBe("success");
  }
  expect(unit.log.matching(/Starting it again|Giving up/)).toEqual([]);
});

test("a socket unit with Accept=yes is refused, and the error says what to change", async () => {
  const { unit } = install({ command: EXAMPLE });
  const name = `each-${randomBytes(4).toString("hex")}`;
  const path = `${unit.directory}/each.sock`;
  unit.install(`${name}.socket`, ["[Socket]", `ListenStream=${path}`, "Accept=yes"]);
  unit.install(`${name}@.service`, [
    "[Service]",
    `StandardError=append:${unit.directory}/log`,
    "ExecStart=zerodown run --ready exec -- true",
  ]);
  await unit.must("daemon-reload");
  await unit.must("start", `${name}.socket`);
  const client = connect(path);
  client.on("error", () => {});
  expect(await unit.log.next(/Accept/)).toBe(
    "zerodown: descriptor 3 is one client's connection: the .socket unit has Accept=yes. Set Accept=no, which passes the listening socket",
  );
  client.destroy();
  await unit.must("stop", `${name}.socket`);
});

test("an app without a handler for the stop signal is warned of, with the cure; one that has a handler isn't", async () => {
  const bare = install({ command: "/bin/sleep 1000", options: "--ready exec" }).unit;
  const handling = install({ command: EXAMPLE }).unit;
  for (const unit of [bare, handling]) {
    await unit.start();
    await unit.reload();
    await unit.log.next(/generation 1 \(pid \d+\) drained and /);
  }
  expect(bare.log.matching(/had no handler/)).toEqual([
    expect.stringMatching(
      /generation 1 \(pid \d+\): it had no handler for SIGINT, .*\(--stop-signal, --pass-signal\)$/,
    ),
  ]);
  expect(handling.log.matching(/had no handler/)).toEqual([]);
});
