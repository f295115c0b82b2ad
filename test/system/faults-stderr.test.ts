// A stderr that nobody reads, that is gone, closed or full: what is to be logged is lost, and nothing else.

import { execFileSync } from "node:child_process";
import { chownSync, closeSync, constants, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { killCommands, TestCommand, zerodown } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { besideSystemManager } from "../support/system-manager.js";

const NOBODY = 61234;

let directory: ReturnType<typeof temporaryDirectory>;
let app: string;
let pipe: string;
beforeEach(() => {
  directory = temporaryDirectory();
  execFileSync("chmod", ["755", directory.path]);
  app = `${directory.path}/app`;
  pipe = `${directory.path}/pipe`;
  deploy("echo up; echo >&$ZERODOWN_READY_FD; exec sleep infinity");
});
afterEach(async () => {
  await killCommands();
  directory.remove();
});

function deploy(script: string): void {
  writeFileSync(app, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** A pipe with a name, whose only reader is this descriptor. */
function openPipe(): number {
  execFileSync("mkfifo", ["--mode=600", pipe]);
  return openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
}

function fill(fd: number): void {
  const page = Buffer.alloc(4096, "x\n");
  expect(() => {
    for (;;) writeSync(fd, page);
  }).toThrow("EAGAIN");
}

/** All that can be read at once. */
function drain(fd: number): string {
  const buffer = Buffer.alloc(1 << 20);
  let text = "";
  try {
    for (;;) text += buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch {
    return text;
  }
}

/** Starts a supervisor whose streams the shell redirects like that; resolves when its first generation is up. */
async function start(redirections: string, uid = 0): Promise<TestCommand> {
  const run = directory.path;
  chownSync(run, uid, uid);
  const user = uid === 0 ? "" : `setpriv --reuid=${uid} --regid=${uid} --clear-groups`;
  const line = `exec ${user} ${ZERODOWN} run --control ${run}/control --ready fd -- ${app} ${redirections}`;
  const command = new TestCommand("sh", ["-c", line], {
    env: { ...process.env, NOTIFY_SOCKET: undefined, RUNTIME_DIRECTORY: run },
  });
  await eventually(async () => expect(await control("status")).toMatchObject({ status: 0 }));
  return command;
}

function control(command: string) {
  return zerodown([command, "--control", `${directory.path}/control`]);
}

/** A deployment, one that is broken, and a stop. */
async function expectWork(supervisor: TestCommand): Promise<void> {
  expect(await control("reload")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^generation 2 /) });
  deploy("exit 7");
  const broken = await control("reload");
  expect([broken.status, broken.stderr]).toEqual([1, expect.stringContaining("generation 3 exited with status 7")]);
  supervisor.signal("SIGTERM");
  expect((await supervisor.ended).status).toBe(0);
}

describe("the supervisor starts, reloads, tells of a failed reload and stops with a stderr", () => {
  test.each([
    ["of its own user", 0],
    ["of another user, who can't open it again", NOBODY],
  ])("that is a full pipe %s", async (_, uid) => {
    const fd = openPipe();
    fill(fd);
    await expectWork(await start(`2>${pipe}`, uid));
    closeSync(fd);
  });

  test("whose reader is gone", async () => {
    const fd = openPipe();
    const supervisor = await start(`2>${pipe}`);
    closeSync(fd);
    await expectWork(supervisor);
  });

  test.each([
    ["closed", "2>&-"],
    ["closed like stdout and stdin", "<&- >&- 2>&-"],
    ["a full disk", "2>/dev/full"],
  ])("that is %s", async (_, redirections) => {
    await expectWork(await start(redirections));
  });
});

test("a command that fails, or a start, ends with its exit status though nobody reads why", async () => {
  const fd = openPipe();
  fill(fd);
  const ends = async (args: string) =>
    (await new TestCommand("sh", ["-c", `exec ${ZERODOWN} ${args} 2>${pipe}`]).ended).status;
  expect(await ends("run --working-directory /nowhere -- true")).toBe(64);
  expect(await ends("run --listen 192.0.2.1:9 -- true")).toBe(71);
  expect(await ends("reload --control /nowhere")).toBe(69);
  closeSync(fd);
});

test("once stderr is read again, the log says how many lines it lacks", async () => {
  const fd = openPipe();
  const supervisor = await start(`2>${pipe}`);
  expect(drain(fd)).toMatch(/generation 1 .* serving/);
  fill(fd);
  await control("reload");
  drain(fd);
  await control("reload");
  const [first, ...others] = drain(fd).split("\n");
  expect(first).toMatch(/^zerodown: log lines missing here, for stderr took none: \d+$/);
  expect(others.filter(line => /generation 3 .* serving/.test(line))).toHaveLength(1);
  supervisor.signal("SIGTERM");
  await supervisor.ended;
  closeSync(fd);
});

test("the generations' own stderr blocks, as they know it, whoever asked the supervisor", async () => {
  const fd = openPipe();
  const supervisor = await start(`2>${pipe}`);
  // Ended by its asker, and answered: its connection is closed by then.
  await control("reload");
  await control("status");
  const [, flags] = /^flags:\t(\d+)$/m.exec(readFileSync(`/proc/${supervisor.pid}/fdinfo/2`, "utf8"))!;
  expect(Number.parseInt(flags!, 8) & constants.O_NONBLOCK).toBe(0);
  closeSync(fd);
});

/** An app that is ready when nobody takes more of its stderr. */
const FLOOD = `
import os, socket, time
log = socket.socket(fileno=os.dup(2))
try:
    while True: log.send(b"flood " * 5000 + b"\\n", socket.MSG_DONTWAIT)
except OSError as error: why = error
notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notifier.connect(os.environ["NOTIFY_SOCKET"])
notifier.send(f"READY=1\\nSTATUS={why.strerror}".encode())
time.sleep(1000)
`;

/** On a machine of its own: the service app, whose command is that. */
function service(command: string): string {
  return `
cat >/run/flood.py <<'PYTHON'${FLOOD}PYTHON
cat >/run/systemd/system/app.service <<'UNIT'
[Service]
Type=notify
RuntimeDirectory=app
ExecStart=zerodown run ${command}
ExecReload=zerodown reload
UNIT
systemctl daemon-reload
journal=$(systemctl show --property=MainPID --value systemd-journald)
status() { systemctl show --property=StatusText --value app; }
`;
}

test("a journald that hangs, with its stream full, keeps nobody from a start, a reload and a stop", () => {
  const output = besideSystemManager(`${service("-- /usr/bin/python3 /run/flood.py")}
kill -STOP $journal
systemctl start app
status
systemctl reload app
status
systemctl stop app
kill -CONT $journal
systemctl show --property=Result --value app
`);
  expect(output).toEqual([
    expect.stringMatching(/^Generation 1 \(pid \d+\) serving: Resource temporarily unavailable$/),
    expect.stringMatching(/^Generation 2 \(pid \d+\) serving/),
    "success",
  ]);
});

test("a journald that is killed, or gone for good, doesn't either; the killed one has lines again", () => {
  const output = besideSystemManager(`${service("--ready exec -- sleep infinity")}
systemctl start app
kill -KILL $journal
systemctl reload app
status
until [ "$(systemctl show --property=MainPID --value systemd-journald)" -gt 1 ]; do sleep 0.05; done
systemctl reload app
journalctl --sync
journalctl --unit app --output cat --grep 'generation 3 .* serving'
systemctl stop 'systemd-journald*.socket' systemd-journald 2>/dev/null
systemctl reload app
status
systemctl stop app
systemctl show --property=Result --value app
`);
  expect(output).toEqual([
    expect.stringMatching(/^Generation 2 \(pid \d+\) serving/),
    expect.stringMatching(/^generation 3 \(pid \d+\) serving: /),
    expect.stringMatching(/^Generation 4 \(pid \d+\) serving/),
    "success",
  ]);
});
