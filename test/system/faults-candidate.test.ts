// Candidates that never become ready: the generation before goes on serving, and nothing is left of them.

import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { isAlive, processState } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";

afterEach(endServices);

/** Matches what `reload` returns when generation 1 stays. */
function failure(text: string): RegExp {
  return new RegExp(
    `^reload failed after \\S+: generation 2 \\(pid \\d+\\) ${text}\\. Generation 1 \\(pid \\d+\\) still serving$`,
  );
}

test.each([
  ["exits with 1", "exit 1", "exited with status 1 before it was ready"],
  ["exits with 0", "exit 0", "exited with status 0 before it was ready"],
  ["is killed", "kill -KILL $$", "was killed by SIGKILL before it was ready"],
  ["dies of the stop signal", "kill -INT $$", "was killed by SIGINT before it was ready"],
])("a candidate that %s leaves the old generation serving", async (_, program, text) => {
  const service = await new TestService().start();
  service.deploy(program);
  expect(await service.reload()).toMatch(failure(text));
  // A candidate that exits with 0 is asked whether it daemonizes.
  expect(service.supervisor.log.matching(/generation 2 (?!.*daemonize)/)).toHaveLength(2);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(3);
});

test("a candidate that hangs is killed at --start-timeout, with its reason told", async () => {
  const service = await new TestService().start({ args: ["--start-timeout", "1500ms"] });
  service.deploy("echo hanging $$; trap '' INT TERM; while :; do sleep 1000; done");
  expect(await service.reload()).toMatch(failure("was not ready within 1.5s and was killed"));
  expect(service.supervisor.output.matching(/^hanging/)).toHaveLength(1);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(3);
});

test("a candidate that leaves its process group is killed at --start-timeout all the same, and at a stop", async () => {
  const service = await new TestService().start({ args: ["--start-timeout", "1500ms", "--stop-timeout", "500ms"] });
  const leaving = (ready: string) => `${ready} exec /usr/bin/python3 -ISc '
import os, signal
for number in signal.SIGINT, signal.SIGTERM: signal.signal(number, signal.SIG_IGN)
os.setpgid(0, os.getpgid(os.getppid()))
print("left", os.getpid(), flush=True)
while True: signal.pause()'`;
  service.deploy(leaving(""));
  expect(await service.reload()).toMatch(failure("was not ready within 1.5s and was killed"));
  expect(service.supervisor.output.matching(/^left/)).toHaveLength(1);
  await service.expectOnly(1, "v1");
  const from = service.supervisor.output.count;
  service.deploy(leaving("systemd-notify --ready;"));
  expect(await service.reload()).toMatch(/^generation 3 .* serving: ready/);
  // From then on no signal but SIGKILL ends it.
  await service.supervisor.output.next(/^left/, from);
  expect(await service.supervisor.stop()).toEqual({ status: 128 + 9, signal: null });
});

test("a candidate that forks and whose parent exits has failed, and the fork is gone", async () => {
  const service = await new TestService().start();
  service.deploy("sleep 1000 & echo forked $!; exit 0");
  expect(await service.reload()).toMatch(failure("exited with status 0 before it was ready"));
  await expectGone(service, /^forked/);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(3);
});

test.each([
  ["exits", "exit 1", "exited with status 1 before it was ready"],
  ["hangs", "wait", "was not ready within 1.5s and was killed"],
])("when a candidate %s, its grandchildren are gone too, stubborn ones as well", async (_, end, text) => {
  const service = await new TestService().start({ args: ["--start-timeout", "1500ms"] });
  const up = `${service.path}/up`;
  service.deploy(`
    (trap '' INT TERM HUP; (sleep 1000 & echo "grandchild $!"; touch ${up}; wait) & wait) &
    until [ -e ${up} ]; do sleep 0.01; done
    ${end}`);
  expect(await service.reload()).toMatch(failure(text));
  await expectGone(service, /^grandchild/);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(3);
});

/** The process whose pid such a line of the output tells. */
async function expectGone(service: TestService, line: RegExp): Promise<void> {
  const [, pid] = (await service.supervisor.output.next(line)).split(" ");
  await eventually(() => expect(isAlive(Number(pid))).toBe(false));
}

test.each([
  ["READY=1", "notify", "systemd-notify --no-block READY=1"],
  ["a newline", "fd", "echo >&$ZERODOWN_READY_FD"],
])(
  "a candidate that is dead when the supervisor reads that it is ready (%s) takes nothing over",
  async (_, mode, word) => {
    const service = await new TestService().start({ args: ["--ready", mode], program: `${word}; ${answering("v1")}` });
    // The supervisor stands still meanwhile.
    service.deploy(`kill -STOP $ZERODOWN_SUPERVISOR_PID; ${word}; echo told $$; exit 3`);
    const outcome = service.reload();
    const [, pid] = (await service.supervisor.output.next(/^told/)).split(" ");
    await eventually(() => expect(processState(Number(pid))).toBe("Z"));
    process.kill(service.supervisor.pid, "SIGCONT");
    expect(await outcome).toMatch(failure("exited with status 3 before it was ready"));
    await service.expectOnly(1, "v1");
  },
);

test("what a candidate reports of its failure is told with it", async () => {
  const service = await new TestService().start();
  service.deploy("systemd-notify ERRNO=13; exit 4");
  const reason = "exited with status 4 before it was ready \\(it reported ERRNO=13, EACCES\\)";
  expect(await service.reload()).toMatch(failure(reason));
  await service.expectOnly(1, "v1");
});

test("the first generation that fails ends the supervisor with its exit status", async () => {
  const service = new TestService();
  service.deploy("exit 42");
  const supervisor = service.launch({});
  expect(await supervisor.ended).toEqual({ status: 42, signal: null });
  expect(supervisor.log.lines.at(-1)).toMatch(
    /^zerodown: start failed after \S+: generation 1 \(pid \d+\) exited with status 42 before it was ready\. Giving up$/,
  );
});
