// Generations send what they must not on their notify sockets. It is dropped and told once, and costs nobody else
// anything.

import { closeSync, existsSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { native, SOCK_DGRAM } from "../../src/native/index.js";
import { readable } from "../support/native.js";
import { answering, endServices, TestService } from "../support/service.js";
import { APPS } from "../support/supervisor.js";

afterEach(endServices);

const python = (app: string, ...args: readonly (string | number)[]) =>
  `exec /usr/bin/python3 -IS ${app} ${args.join(" ")}`;
const flooding = (rounds: number) => python(`${APPS}flood.py`, rounds);

/** Returns what the log tells of dropped notifications of a generation. */
function dropped(service: TestService, generation: number): string[] {
  return service.supervisor.log
    .matching(new RegExp(`generation ${generation} .*dropped`))
    .map(line => line.replace(/^.*dropped: /, ""));
}

function notify(service: TestService, generation: number, text: string, fds: readonly number[] = []): void {
  const fd = native.connectUnix(SOCK_DGRAM, service.notifySocket(generation));
  native.send(fd, text, fds);
  closeSync(fd);
}

/** Resolves when all that was sent before is processed, as `systemd-notify` waits for it. */
async function barrier(service: TestService, generation: number): Promise<void> {
  const [reader, writer] = native.pipe();
  notify(service, generation, "BARRIER=1", [writer]);
  closeSync(writer);
  await readable(reader);
  closeSync(reader);
}

const LONG = /^from pid \d+: longer than 4096 bytes, or with too many descriptors$/;
const MALFORMED = /^from pid \d+: a NUL byte in it, or a single backslash at its end$/;

test("a candidate that floods its notify socket fails like any other, and the old generation serves meanwhile", async () => {
  const service = await new TestService().start({ args: ["--start-timeout", "1500ms"] });
  service.deploy(flooding(0));
  const result = service.reload();
  await service.supervisor.output.next(/^flooding/);
  for (let count = 0; count < 20; count++) expect(await service.ask()).toBe("v1 from generation 1");
  expect(await result).toMatch(
    /^reload failed .* was not ready within 1\.\ds and was killed\. Generation 1 .* serving$/,
  );
  expect(dropped(service, 2).sort()).toEqual([expect.stringMatching(MALFORMED), expect.stringMatching(LONG)]);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(3);
});

test("READY=1 in the middle of a flood is heard, and a flooding generation is stopped like any other", async () => {
  const service = await new TestService().start();
  service.deploy(flooding(100));
  const result = service.reload();
  await service.supervisor.output.next(/^flooded/);
  await barrier(service, 2);
  // The flood said READY=1 in several ways that don't count.
  expect(service.supervisor.log.matching(/generation 2 .* serving/)).toEqual([]);
  notify(service, 2, "READY=1");
  expect(await result).toMatch(/^generation 2 \(pid \d+\) serving: ready/);
  expect(dropped(service, 2)).toHaveLength(2);
  await service.expectRecovery(3);
});

test("a serving generation that floods can be reloaded and stopped", async () => {
  const service = await new TestService().start();
  service.deploy(`systemd-notify --ready; ${flooding(0)}`);
  await service.reload();
  await service.supervisor.output.next(/^flooding/);
  await service.expectRecovery(3);

  service.deploy(`systemd-notify --ready; ${flooding(0)}`);
  await service.reload();
  await service.supervisor.log.next(/generation 4 .* dropped/);
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
});

test("a generation that puts a directory in the place of its socket harms no other one", async () => {
  const service = await new TestService().start();
  service.deploy('rm "$NOTIFY_SOCKET"; mkdir "$NOTIFY_SOCKET"; exit 1');
  service.supervisor.signal("SIGHUP");
  await service.supervisor.log.next(/generation 2 \(pid \d+\) started/);
  await service.supervisor.log.next(/reload failed .* generation 2 .* exited with status 1/);
  expect(service.supervisor.log.matching(/internal error/)).toEqual([]);
  expect(service.supervisor.log.matching(/generation 2 .* leaves something behind: EISDIR/)).toHaveLength(1);
  service.deploy(answering("v3"));
  expect(await service.reload()).toMatch(/^generation 3 .* serving: ready/);
  await service.supervisor.log.next(/generation 1 .* drained/);
  expect(service.supervisor.children()).toHaveLength(1);
  await service.expectOnly(3, "v3", "notify-2");
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
});

test("a generation that puts directories in the place of all sockets doesn't change how the supervisor ends", async () => {
  const service = await new TestService().start({ args: ["--on-crash", "exit"] });
  service.deploy(`cd "\${NOTIFY_SOCKET%/*}" && for file in *; do rm $file; mkdir $file; done; exit 1`);
  expect(await service.reload()).toMatch(/^reload failed/);
  expect(await service.ask()).toBe("v1 from generation 1");
  process.kill(await service.supervisor.serving(1), "SIGKILL");
  expect(await service.supervisor.ended).toEqual({ status: 128 + 9, signal: null });
  // The one that it made itself is gone nevertheless.
  expect(existsSync(service.address)).toBe(false);
});

test("a generation that closes its readiness descriptor serves, is reloaded and ends like any other", async () => {
  const service = new TestService();
  const ready = `eval "echo >&$ZERODOWN_READY_FD; exec $ZERODOWN_READY_FD>&-"`;
  const program = (version: string) => `${ready}; ${answering(version)}`;
  await service.start({ args: ["--ready", "fd"], program: program("v1") });
  service.deploy(program("v2"));
  expect(await service.reload()).toMatch(/^generation 2 .* serving: ready/);
  await service.expectOnly(2, "v2");
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
});

test("messages from another user are dropped and told, and READY=1 among them is not heard", async () => {
  const service = await new TestService().start({ args: ["--start-timeout", "1500ms"] });
  const stranger = `import os, signal, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
os.setgid(61234)
os.setuid(61234)
for _ in range(10): s.send(b"READY=1")
signal.pause()`;
  service.write("stranger.py", stranger);
  service.deploy(python(`${service.path}/stranger.py`));
  expect(await service.reload()).toMatch(/^reload failed .* was not ready within 1\.\ds and was killed\./);
  expect(dropped(service, 2)).toEqual([
    expect.stringMatching(/^from uid 61234 \(pid \d+\), which is neither ours nor root$/),
  ]);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(3);
});

test("root may notify a supervisor of another user", async () => {
  const uid = 61234;
  const service = await new TestService().start({ uid, copied: true });
  service.deploy("echo started; exec sleep 1000");
  const result = service.reload();
  await service.supervisor.output.next(/^started/);
  notify(service, 2, "READY=1");
  expect(await result).toMatch(/^generation 2 .* serving: ready/);
});
