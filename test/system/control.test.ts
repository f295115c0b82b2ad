// The control socket of a real supervisor: what it offers, and where it is. control-clients.test.ts has the clients that it
// puts up with.

import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { callSupervisor } from "../../src/control/client.js";
import { encode } from "../../src/control/varlink.js";
import { controlPath, failure, rawConnection, reloadBy, statusOf } from "../support/control.js";
import { Deployment } from "../support/deployment.js";
import { ROOT, TestSupervisor, ZERODOWN } from "../support/supervisor.js";

let app: Deployment;
beforeEach(() => {
  app = new Deployment();
});
afterEach(() => app.end());

describe("Reload", () => {
  test("is answered when the new generation serves", async () => {
    const supervisor = await app.started();
    const report = await reloadBy(supervisor);
    expect(report.generation).toBe(2);
    expect(report.generations.find(({ number }) => number === 2)?.state).toBe("serving");
  });

  test("fails with the candidate's reason, number and pid, and the old one serves", async () => {
    const supervisor = await app.started();
    app.deploy("exit 7");
    const { error, parameters } = await failure(reloadBy(supervisor));
    expect(error).toBe("tech.fornaxian.zerodown.ReloadFailed");
    expect(parameters).toMatchObject({ generation: 2, pid: expect.any(Number) });
    expect(parameters.outcome).toEqual({ kind: "exit", state: "starting", status: 7 });
    const status = await callSupervisor(controlPath(supervisor), "Status", {});
    expect(status.generations).toContainEqual(expect.objectContaining({ number: 2, outcome: parameters.outcome }));
    expect(parameters.reason).toMatch(
      /^Reload failed: generation 2 exited with status 7 before it was ready\. Generation 1 \(pid \d+\) still serving$/,
    );
  });

  test("with more tells of each step", async () => {
    const supervisor = await app.started();
    const states: string[] = [];
    await reloadBy(supervisor, {}, ({ generations }) => states.push(generations.at(-1)!.state));
    expect([...new Set(states)]).toEqual(["starting", "serving"]);
  });

  test("that replaces aborts the candidate in its way: that one's asker fails, this one succeeds", async () => {
    const supervisor = await app.started();
    app.deploy("echo candidate; exec sleep infinity");
    const first = failure(reloadBy(supervisor));
    await supervisor.output.next(/candidate/);
    app.deploy("echo >&$ZERODOWN_READY_FD; exec sleep infinity");
    expect((await reloadBy(supervisor, { replace: true })).generation).toBe(3);
    expect((await first).parameters.reason).toMatch(/generation 2 was aborted/);
  });

  test("that was wanted before the candidate of a signal started is one reload with it", async () => {
    const supervisor = await app.started();
    const { now: since } = await statusOf(supervisor);
    supervisor.signal("SIGHUP");
    await supervisor.log.next(/generation 2 .* started/);
    expect((await reloadBy(supervisor, { since })).generation).toBe(2);
    // Even when it comes after the end.
    expect((await reloadBy(supervisor, { since })).generation).toBe(2);
    expect((await reloadBy(supervisor)).generation).toBe(3);
  });

  test("that was wanted before a signal's candidate failed gets that failure", async () => {
    const supervisor = await app.started();
    const { now: since } = await statusOf(supervisor);
    app.deploy("exit 1");
    expect(await supervisor.reload()).toMatch(/reload failed/);
    expect((await failure(reloadBy(supervisor, { since }))).parameters.generation).toBe(2);
    expect(supervisor.log.matching(/started$/)).toHaveLength(2);
  });

  test("is answered though the supervisor exits with the candidate's failure", async () => {
    const supervisor = await app.started("--on-crash", "exit");
    const [first] = supervisor.children();
    app.deploy("echo candidate; exec sleep infinity");
    const reload = failure(reloadBy(supervisor));
    await supervisor.output.next(/candidate/);
    process.kill(first!, "SIGKILL");
    await supervisor.log.next(/generation 1 .* while serving/);
    process.kill(supervisor.children()[0]!, "SIGKILL");
    expect((await reload).parameters?.reason).toMatch(/^Reload failed: generation 2 was killed by SIGKILL/);
    expect(await supervisor.ended).toEqual({ status: 137, signal: null });
  });

  test("in a first start that fails is answered, too", async () => {
    app.deploy("echo candidate; exec sleep infinity");
    const supervisor = new TestSupervisor(["--ready", "fd", "--", app.command]);
    await supervisor.output.next(/candidate/);
    const reload = failure(reloadBy(supervisor));
    await supervisor.log.next(/one more follows/);
    process.kill(supervisor.children()[0]!, "SIGKILL");
    expect((await reload).parameters?.reason).toBe(
      "Start failed: generation 1 was killed by SIGKILL before it was ready",
    );
    expect(await supervisor.ended).toEqual({ status: 137, signal: null });
  });

  test("is answered to a client that has closed its half of the connection, as nc does", async () => {
    const supervisor = await app.started();
    const { socket, replies } = await rawConnection(controlPath(supervisor));
    socket.end(encode({ method: "tech.fornaxian.zerodown.Reload", more: true }));
    const last = (await replies).split("\0").at(-2);
    expect(JSON.parse(last!).parameters.generation).toBe(2);
  });

  test("is refused while the service stops", async () => {
    const supervisor = await app.started("--stop-signal", "SIGUSR1", "--stop-timeout", "infinity");
    app.deploy("trap '' USR1; echo >&$ZERODOWN_READY_FD; sleep infinity & wait; wait");
    await reloadBy(supervisor);
    const path = controlPath(supervisor);
    supervisor.signal("SIGTERM");
    await supervisor.log.next(/SIGTERM: stopping/);
    const { parameters } = await failure(callSupervisor(path, "Reload", {}));
    expect(parameters.reason).toBe("the service is stopping");
  });
});

test("Cancel aborts the candidate; without one it says so", async () => {
  const supervisor = await app.started();
  expect((await failure(callSupervisor(controlPath(supervisor), "Cancel", {}))).error).toMatch(/\.NoCandidate$/);
  app.deploy("exec sleep infinity");
  const reload = failure(reloadBy(supervisor));
  await supervisor.log.next(/generation 2 .* started/);
  expect(await callSupervisor(controlPath(supervisor), "Cancel", {})).toEqual({ generation: 2 });
  expect((await reload).parameters.reason).toMatch(/generation 2 was aborted/);
});

test("Stop ends the service", async () => {
  const supervisor = await app.started();
  await callSupervisor(controlPath(supervisor), "Stop", {});
  expect(await supervisor.ended).toEqual({ status: 0, signal: null });
});

test("Status knows generations and sockets, and with more tells every change", async () => {
  const supervisor = await app.started("--listen", `web=@zerodown-control-${process.pid}`);
  const status = await statusOf(supervisor);
  expect(status).toMatchObject({
    pid: supervisor.pid,
    status: expect.stringMatching(/^Generation 1 \(pid \d+\) serving$/),
    generations: [{ number: 1, state: "serving", pid: supervisor.children()[0] }],
    sockets: [{ fd: 3, name: "web", address: `stream @zerodown-control-${process.pid}` }],
  });
  expect(status.now).toBeGreaterThan(status.generations[0]!.startedAt);

  const end = new AbortController();
  const seen: string[] = [];
  let first: (() => void) | undefined;
  const follows = new Promise<void>(resolve => (first = resolve));
  const following = callSupervisor(
    controlPath(supervisor),
    "Status",
    {},
    {
      onReply: part => {
        seen.push(String(part.status));
        first!();
        if (/Generation 2 \(pid \d+\) serving$/.test(String(part.status))) end.abort();
      },
      signal: end.signal,
    },
  );
  await follows;
  await supervisor.reload();
  await failure(following);
  expect(seen).toContain("Starting generation 2");
});

test("introspection names the interfaces and describes them as documented", async () => {
  const path = controlPath(await app.started());
  const { socket, replies } = await rawConnection(path);
  socket.write(encode({ method: "org.varlink.service.GetInfo" }));
  socket.write(
    encode({
      method: "org.varlink.service.GetInterfaceDescription",
      parameters: { interface: "tech.fornaxian.zerodown" },
    }),
  );
  socket.write(encode({ method: "org.example.Nothing" }));
  socket.write(encode({ method: "tech.fornaxian.zerodown.Nothing" }));
  socket.end();
  const [info, description, noInterface, noMethod] = (await replies)
    .split("\0")
    .filter(Boolean)
    .map(text => JSON.parse(text));
  expect(info.parameters.interfaces).toEqual(["org.varlink.service", "tech.fornaxian.zerodown"]);
  expect(description.parameters.description).toBe(readFileSync(`${ROOT}docs/tech.fornaxian.zerodown.varlink`, "utf8"));
  expect(noInterface.error).toBe("org.varlink.service.InterfaceNotFound");
  expect(noMethod.error).toBe("org.varlink.service.MethodNotFound");
});

test("a description that an upgrade of the package removed is refused, and the next call is answered", async () => {
  cpSync(`${ROOT}dist`, `${app.path}/dist`, { recursive: true });
  const zerodown = `${app.path}/dist/zerodown.cjs`;
  const supervisor = new TestSupervisor(["--ready", "exec", "--", "sleep", "infinity"], { zerodown });
  await supervisor.serving(1);
  rmSync(`${app.path}/dist`, { recursive: true });
  const { socket, replies } = await rawConnection(controlPath(supervisor));
  socket.write(
    encode({
      method: "org.varlink.service.GetInterfaceDescription",
      parameters: { interface: "tech.fornaxian.zerodown" },
    }),
  );
  socket.end(encode({ method: "tech.fornaxian.zerodown.Status" }));
  const [description, status] = (await replies)
    .split("\0")
    .filter(Boolean)
    .map(text => JSON.parse(text));
  expect(description.error).toBe("org.varlink.service.MethodNotImplemented");
  expect(status.parameters.generations).toHaveLength(1);
});

describe("where it is", () => {
  test("only its user may use it", async () => {
    const supervisor = await app.started();
    expect(statSync(controlPath(supervisor)).mode & 0o777).toBe(0o600);
  });

  test("a stale socket is replaced, a live supervisor's is not", async () => {
    const path = `${app.path}/control`;
    const first = await app.started("--control", path);
    const second = new TestSupervisor(["--control", path, "--ready", "exec", "--", "sleep", "infinity"]);
    expect(await second.ended).toEqual({ status: 73, signal: null });
    expect(second.log.lines).toEqual([expect.stringMatching(/^zerodown: --control .*EADDRINUSE/)]);
    expect((await statusOf(first)).pid).toBe(first.pid);
    await first.kill();
    const third = await app.started("--control", path);
    expect((await statusOf(third)).pid).toBe(third.pid);
  });

  test("with --control none there is none, and reload says so", async () => {
    const supervisor = await app.started("--control", "none");
    const { status, stderr } = spawnSync(ZERODOWN, ["reload", "--pid", String(supervisor.pid)], { encoding: "utf8" });
    expect([status, stderr]).toEqual([69, expect.stringMatching(/no control socket that can be found/)]);
  });
});
