// A client command that fails writes one line on stderr, and has an exit status of its own for each cause.

import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { expectError, killCommands, TestCommand, zerodown } from "../../support/command.js";
import { controlPath, fillControl } from "../../support/control.js";
import { closeManagerSockets, ManagerSocket } from "../../support/manager-socket.js";
import { killSupervisors, TestSupervisor, temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";

const directory = temporaryDirectory();
let servers: Server[] = [];
afterEach(async () => {
  for (const server of servers) server.close();
  servers = [];
  await killCommands();
  await killSupervisors();
  closeManagerSockets();
});

let count = 0;
const newPath = () => `${directory.path}/${++count}`;

/** Opens a control socket that answers each call with this reply. */
async function answering(reply: string): Promise<string> {
  const path = newPath();
  const server = createServer(client => client.on("error", () => {}).on("data", () => client.write(reply)));
  servers.push(server);
  await new Promise<void>(resolve => server.listen(path, resolve));
  return path;
}

/** Starts a supervisor; resolves when generation 1 serves. */
async function startSupervisor(options: ConstructorParameters<typeof TestSupervisor>[1] = {}): Promise<TestSupervisor> {
  const supervisor = new TestSupervisor(["--ready", "exec", "--", "sleep", "infinity"], options);
  await supervisor.serving(1);
  return supervisor;
}

test.each([
  [["a.service", "--pid", "1"], /one of UNIT, --pid and --control/],
  [["a.service", "b.service"], /"b\.service" is too many/],
  [["--pid", "x"], /"x" isn't a pid/],
  [["--user", "--system", "a.service"], /one of --user and --system/],
  [["--wath"], /'--wath'; see zerodown status --help/],
])("%j is wrong usage", async (args, line) => {
  expectError(await zerodown(["status", ...args]), 64, line);
});

test("reload outside a unit wants to know which", async () => {
  const { MAINPID: _, ...env } = process.env;
  expectError(await zerodown(["reload"], { env }), 64, /which service\?/);
});

test.each([["bogus"], ["unix:path=/nowhere"], ["tcp:host="]])("a bus at %j", async address => {
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: address };
  expectError(await zerodown(["status", "--user"], { env }), 69, /^zerodown: the user bus /);
});

test("--help says how it is used", async () => {
  const { status, stdout, stderr } = await zerodown(["status", "--help"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^Usage: zerodown status /);
});

/** With this app only generation 1 becomes ready. */
const START_ONCE = "[ $ZERODOWN_GENERATION != 1 ] || echo >&$ZERODOWN_READY_FD; exec sleep infinity";

test("a path where no control socket is", async () => {
  expectError(await zerodown(["status", "--control", newPath()]), 69, /no supervisor behind .*ENOENT/);
});

test("a control socket that a killed supervisor left behind", async () => {
  const path = newPath();
  const supervisor = new TestSupervisor(["--control", path, "--ready", "exec", "--", "sleep", "infinity"]);
  await supervisor.serving(1);
  await supervisor.kill();
  expectError(await zerodown(["status", "--control", path]), 69, /no supervisor behind .*ECONNREFUSED/);
});

test("a file that isn't a socket", async () => {
  const path = newPath();
  writeFileSync(path, "");
  expectError(await zerodown(["status", "--control", path]), 69, /no supervisor behind /);
});

test("a process that isn't ours", async () => {
  expectError(
    await zerodown(["status", "--pid", String(process.pid)]),
    69,
    /node.* has no control socket.*zerodown\?$/m,
  );
});

test.each([
  ["an object that isn't a status", '{"parameters":{"pid":"1"}}\0', 76, /what answered isn't a supervisor/],
  ["an error of its own", '{"error":"com.example.No"}\0', 76, /refused: com\.example\.No/],
  ["an error in our name", '{"error":"tech.fornaxian.zerodown.NoCandidate"}\0', 76, /refused: .*NoCandidate/],
  ["no JSON", "HTTP/1.1 400 Bad Request\0", 69, /reply broke off/],
  ["more than a message may be", "x".repeat(5_000_000), 69, /reply broke off/],
])("somebody who answers %s", async (_, reply, status, line) => {
  const path = await answering(reply);
  expectError(await zerodown(["status", "--control", path]), status, line);
  expectError(await zerodown(["status", "--watch", "--control", path]), status, line);
  expectError(await zerodown(["reload", "--control", path]), status, line);
});

test("a supervisor that dies in the middle of a reload", async () => {
  const supervisor = new TestSupervisor(["--ready", "fd", "--", "sh", "-c", START_ONCE]);
  await supervisor.serving(1);
  const reload = zerodown(["reload", "--pid", String(supervisor.pid)]);
  await supervisor.log.next(/generation 2 .* started/);
  await supervisor.kill();
  expectError(await reload, 69, /went away before it replied|broke off/);
});

describe("an ExecReload= that loses its supervisor", () => {
  const reload = (supervisor: TestSupervisor, systemd: ManagerSocket) =>
    zerodown(["reload"], {
      env: { ...process.env, MAINPID: String(supervisor.pid), NOTIFY_SOCKET: systemd.address },
    });

  test("to its end says READY=1 in its place", async () => {
    const supervisor = new TestSupervisor(["--ready", "fd", "--", "sh", "-c", START_ONCE]);
    await supervisor.serving(1);
    const systemd = new ManagerSocket(newPath());
    const lost = reload(supervisor, systemd);
    await supervisor.log.next(/generation 2 .* started/);
    await supervisor.kill();
    expectError(await lost, 69, /went away before it replied/);
    systemd.collect();
    expect(systemd.received.map(({ assignments }) => assignments)).toEqual([["READY=1"]]);
  });

  test("because that has too many clients says no READY=1: the supervisor lives, and speaks for itself", async () => {
    const supervisor = await startSupervisor();
    const systemd = new ManagerSocket(newPath());
    await fillControl(controlPath(supervisor));
    expectError(await reload(supervisor, systemd), 69, /: the supervisor hung up: it has too many clients/);
    systemd.collect();
    expect(systemd.received).toEqual([]);
  });
});

test.each(["systemd's SIGTERM", "the supervisor's reply"])(
  "an ExecReload= that a stop overtakes doesn't fail: by %s",
  async by => {
    const supervisor = new TestSupervisor(["--ready", "fd", "--", "sh", "-c", START_ONCE]);
    await supervisor.serving(1);
    const reload = new TestCommand(ZERODOWN, ["reload"], { env: { ...process.env, MAINPID: String(supervisor.pid) } });
    await supervisor.log.next(/generation 2 .* started/);
    if (by === "systemd's SIGTERM") reload.signal("SIGTERM");
    else supervisor.signal("SIGTERM");
    expect(await reload.ended).toEqual({ status: 0, stdout: "", stderr: "" });
  },
);

test("a --timeout that isn't a whole number of milliseconds", async () => {
  const supervisor = new TestSupervisor(["--ready", "fd", "--", "sh", "-c", START_ONCE]);
  await supervisor.serving(1);
  const args = ["reload", "--timeout", "1500us", "--pid", String(supervisor.pid)];
  expectError(await zerodown(args), 75, /no outcome within 2ms; /);
});

test("a reload that takes longer than --timeout goes on", async () => {
  const supervisor = new TestSupervisor(["--ready", "fd", "--", "sh", "-c", START_ONCE]);
  await supervisor.serving(1);
  const pid = String(supervisor.pid);
  expectError(
    await zerodown(["reload", "--timeout", "3s", "--pid", pid]),
    75,
    /no outcome within 3s; a reload that has begun goes on/,
  );
  expect(supervisor.children()).toHaveLength(2);
});

test("a supervisor that is stopped doesn't answer", async () => {
  const supervisor = await startSupervisor();
  supervisor.signal("SIGSTOP");
  expectError(await zerodown(["status", "--pid", String(supervisor.pid)]), 75, /no answer within 5s/);
});
