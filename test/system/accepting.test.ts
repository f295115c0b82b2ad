// --ready accept: a generation is ready when it is seen to wait for clients on the sockets.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { askOnce } from "../support/line-client.js";
import { APPS, ROOT } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

const waits = (...args: readonly (string | number)[]) => `/usr/bin/python3 -IS ${APPS}waits.py ${args.join(" ")}`;

function onTcp(sockets = 1) {
  const addresses = Array.from({ length: sockets }, loopback);
  const socket = ["ListenStream=", ...addresses.map(({ host, port }) => `ListenStream=${host}:${port}`)];
  return { address: addresses[0]!, addresses, socket };
}

/** The times in µs of CLOCK_MONOTONIC at which apps said that they begin to wait. */
function waitingSince(lines: readonly string[]): number[] {
  return lines.flatMap(line => /^waits (\d+)$/.exec(line)?.[1] ?? []).map(nanoseconds => Number(nanoseconds) / 1e3);
}

/** Resolves when no thread of the process has run for a second. */
async function asleep(pid: number): Promise<void> {
  const switches = () =>
    readdirSync(`/proc/${pid}/task`).map(thread =>
      readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8").match(/^\S*ctxt_switches:.*$/gm),
    );
  // What follows a start or a reload is over soon.
  await eventually(async () => {
    const before = switches();
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(switches()).toEqual(before);
  });
}

test.each([["threads"], ["select"], ["epoll"]])(
  "one that waits with %s is ready within 60 ms of that, however long it took to get there",
  async way => {
    const { socket } = onTcp();
    const command = (directory: string) => `sh -c 'exec ${waits(way, `$(cat ${directory}/delay)`)}'`;
    const unit = installApp({
      command: directory => command(directory).replace("$(", "$$("),
      options: "--ready accept",
      socket,
    });
    const late: number[] = [];
    for (const delay of [0, 0.6]) {
      writeFileSync(`${unit.directory}/delay`, String(delay));
      await unit.start();
      const ready = Number(await unit.property("ActiveEnterTimestampMonotonic"));
      late.push(ready - waitingSince(unit.log.lines).at(-1)!);
      await unit.stop();
    }
    // On a machine with much to do the others may be late; acceptance.test.ts tries the pauses by a clock of its own.
    expect(Math.min(...late)).toBeLessThan(60e3);
  },
);

test("every socket counts: one that waits on the first of two is never ready, and the log says which is left", async () => {
  const { addresses, socket } = onTcp(2);
  const unit = installApp({ command: waits("accept"), options: "--ready accept --start-timeout 6s", socket });
  await expect(unit.start()).rejects.toThrow();
  const { host, port } = addresses[1]!;
  expect(await unit.log.next(/waits for no clients/)).toMatch(
    new RegExp(
      `generation 1 \\(pid \\d+\\) waits for no clients on stream ${host}:${port} after 5s; --start-timeout is 6s$`,
    ),
  );
  await unit.log.next(/generation 1 .* was not ready within 6(\.\d)?s and was killed/);
});

test("in a reload clients are answered by the new one at once; after it, and after a start, nobody looks any more", async () => {
  const { address, socket } = onTcp();
  const unit = installApp({ command: waits("epoll"), options: "--ready accept", socket });
  await unit.start();
  await asleep(await unit.mainPid());
  await unit.reload();
  await unit.log.next(/generation 1 .* (drained|ended|killed)/);
  expect(await askOnce(address)).toMatch(/^epoll 2\n?$/);
  await asleep(await unit.mainPid());
});

test("a gunicorn whose app can't be imported says READY=1 all the same: with notify+accept the old one serves on", async () => {
  const { address, socket } = onTcp();
  const unit = installApp({
    command: directory => `/usr/bin/gunicorn --chdir ${directory} --workers 1 app:app`,
    options: "--ready notify+accept --stop-signal SIGTERM",
    socket,
  });
  const deploy = (code: string) => writeFileSync(`${unit.directory}/app.py`, code);
  const answering = (text: string) =>
    `def app(environ, start):\n    start("200 OK", [("Content-Length", "${text.length}")])\n    return [b"${text}"]\n`;
  deploy(answering("good"));
  await unit.listen();
  const load = new HttpLoad(address, { clients: 4, keepAlive: false });
  await load.answers(20, /^good$/);
  await unit.started();
  deploy("import time\ntime.sleep(0.5)\nraise RuntimeError('broken on purpose')\n");
  const { status } = await unit.systemctl("reload", unit.service);
  expect(status).toBe(1);
  expect(await unit.property("StatusText")).toMatch(
    /^Reload failed: generation 2 exited with status 3 before it was ready.* Generation 1 \(pid \d+\) still serving$/,
  );
  expect(unit.log.matching(/generation 2 \(pid \d+\) serving: /)).toEqual([]);
  await load.answers(20, /^good$/);
  deploy(answering("better"));
  await unit.reload();
  await load.answers(20, /^better$/);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test("nginx knows LISTEN_FDS by another name and no sd_notify: it is ready when its workers wait", async () => {
  const { address, socket } = onTcp();
  const { host, port } = address;
  const unit = installApp({
    command: directory => `sh -c 'NGINX="3;" exec /usr/sbin/nginx -c ${directory}/nginx.conf'`,
    options: "--ready accept --stop-signal SIGQUIT",
    socket,
  });
  mkdirSync(`${unit.directory}/logs`);
  writeFileSync(
    `${unit.directory}/nginx.conf`,
    `daemon off; worker_processes 2; pid ${unit.directory}/pid; error_log stderr; user root; events {}
     http { access_log off; server { listen ${host}:${port}; return 200 "nginx"; } }\n`,
  );
  await unit.listen();
  const load = new HttpLoad(address, { clients: 2, keepAlive: false });
  await load.answers(20, /^nginx$/);
  await unit.started();
  await unit.reload();
  await load.answers(20, /^nginx$/);
  await load.stop();
  expect(load.failures).toEqual([]);
});

const STRANGER = `setpriv --reuid=65534 --regid=65534 --clear-groups ${waits("accept")}`;
/** Its group 0 would see it: gid= names the group that does in its place. */
const ALONE = `mount -t proc -o hidepid=2,gid=65533 none /proc && exec zerodown run --ready accept -- ${STRANGER}`;

test.each([
  ["is another user's", []],
  ["isn't even shown, as with hidepid=2", ["ExecStart=", `ExecStart=unshare --mount sh -c '${ALONE}'`]],
  ["isn't even shown, as with ProtectProc=ptraceable", ["ProtectProc=ptraceable"]],
  ["is another user's, with ProtectProc=invisible", ["ProtectProc=invisible"]],
])(
  "a process that may not be looked into, for it %s, fails the start after 5 s, and the reason is said",
  async (_, service) => {
    const { socket } = onTcp();
    const unit = installApp({
      command: STRANGER,
      options: "--ready accept",
      service: ["CapabilityBoundingSet=~CAP_SYS_PTRACE", ...service],
      socket,
    });
    await expect(unit.start()).rejects.toThrow();
    expect(await unit.log.next(/start failed/)).toMatch(
      /generation 1 \(pid (\d+)\) can't be told to accept, because process \1 may not be looked into, and was killed/,
    );
    expect(await unit.property("ExecMainStatus")).toBe("78");
  },
);

test("of one that accepts by io_uring the log says after 5 s that this can't be seen", async () => {
  const { socket } = onTcp();
  const unit = installApp({
    command: `${ROOT}build/test/apps/uring`,
    options: "--ready accept --start-timeout 6s",
    socket,
  });
  const started = unit.systemctl("start", unit.service);
  await unit.listen();
  const line = await unit.log.next(/waits for no clients|io_uring_setup/);
  if (line.includes("io_uring_setup")) console.log(`left out: ${line}`);
  else
    expect(line).toMatch(/But process \d+ has an io_uring, and \/proc doesn't tell what that accepts: --ready notify/);
  await started;
});

test("where /proc is hidden, or no socket listens, --ready accept is an error at the start", async () => {
  const { socket } = onTcp();
  const command = "true";
  const without = installApp({
    command,
    options: "--ready accept",
    socket: ["ListenStream=", `ListenDatagram=@zerodown-test-${process.pid}`],
  });
  await expect(without.start()).rejects.toThrow();
  await without.log.next(/^zerodown: --ready accept: what accepts can't be seen: there is no socket to accept on$/);
  const run = `mount -t tmpfs none /proc && exec zerodown run --ready accept -- ${command}`;
  const hidden = installApp({ command, socket, service: ["ExecStart=", `ExecStart=unshare --mount sh -c '${run}'`] });
  await expect(hidden.start()).rejects.toThrow();
  await hidden.log.next(/^zerodown: --ready accept: what accepts can't be seen: ENOENT: .*\/proc\/self\/fdinfo/);
  expect(await hidden.property("ExecMainStatus")).toBe("78");
});

test.each([
  ["exec", "never", 1],
  ["exec", "select", 0],
  ["notify", "notifying", 0],
])(
  "with --ready %s one that serves (%s) is told of when it doesn't accept for a second: %d warnings",
  async (ready, way, warnings) => {
    const { address, socket } = onTcp();
    const command = way === "notifying" ? `sh -c 'systemd-notify --ready; exec ${waits("epoll")}'` : waits(way);
    const unit = installApp({ command, options: `--ready ${ready}`, socket });
    await unit.start();
    const { host, port } = address;
    const line = new RegExp(
      `was never seen to wait for clients on stream ${host}:${port}\\. Does it listen elsewhere\\?`,
    );
    if (warnings > 0) await unit.log.next(line);
    // A second is over, and a reload after it.
    else await new Promise(resolve => setTimeout(resolve, 1200));
    expect(unit.log.matching(line)).toHaveLength(warnings);
  },
);
