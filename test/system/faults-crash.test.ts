// The serving generation crashes: it is started again, and clients wait meanwhile; or the supervisor gives up and says so.

import { readdirSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { isAlive, processState } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";

afterEach(endServices);

/** Kills generation 1 with clients that wait already, and returns their answers to be. */
async function crash(service: TestService, clients = 5): Promise<Promise<string>[]> {
  const pid = await service.supervisor.serving(1);
  process.kill(pid, "SIGSTOP");
  await eventually(() => expect(processState(pid)).toBe("T"));
  const answers = Array.from({ length: clients }, () => service.ask());
  process.kill(pid, "SIGKILL");
  return answers;
}

test("a killed generation is started again at once, and the clients that wait are answered", async () => {
  const service = await new TestService().start();
  const answers = await Promise.all(await crash(service));
  expect(answers).toEqual(Array(5).fill("v1 from generation 2"));
  const [line] = service.supervisor.log.matching(/generation 1 .* killed/);
  expect(line).toMatch(/^zerodown: generation 1 \(pid \d+\) was killed by SIGKILL\. Starting generation 2 at once$/);
  await service.supervisor.serving(2);
  await service.expectOnly(2, "v1");
  await service.expectRecovery(3);
});

test("a crash while a candidate starts is left to the candidate", async () => {
  const service = await new TestService().start();
  service.deploy(`until [ -e "\${0%/*}/go" ]; do sleep 0.01; done; ${answering("v2")}`);
  service.supervisor.signal("SIGHUP");
  await service.supervisor.log.next(/generation 2 \(pid \d+\) started/);
  const answers = await crash(service);
  expect(await service.supervisor.log.next(/generation 1 .* was killed/)).toMatch(
    /generation 1 \(pid \d+\) was killed by SIGKILL while serving\. Generation 2 \(pid \d+\) is to replace it$/,
  );
  service.write("go", "");
  expect(await Promise.all(answers)).toEqual(Array(5).fill("v2 from generation 2"));
  await service.expectOnly(2, "v2");
});

test("a service that crashes again and again is given up with the status of its last exit", async () => {
  const service = await new TestService().start();
  service.deploy(answering("v2", "crash"));
  await crash(service, 0);
  expect(await service.supervisor.ended).toEqual({ status: 3, signal: null });
  const { log } = service.supervisor;
  expect(log.matching(/Starting generation \d+/).map(line => line.replace(/^.*\. /, ""))).toEqual([
    "Starting generation 2 at once",
    "Starting generation 3 in 100ms",
    "Starting generation 4 in 200ms",
    "Starting generation 5 in 400ms",
    "Starting generation 6 in 800ms",
  ]);
  expect(log.lines.at(-1)).toMatch(
    /^zerodown: generation 6 \(pid \d+\) exited with status 3\. Giving up \(6 crashes within 10s\)$/,
  );
  expect(readdirSync(`${service.path}/run`)).toEqual([]);
});

test("a reload cures a crash onto broken code, and the clients that wait are answered", async () => {
  const service = await new TestService().start();
  service.deploy("exit 1");
  const answers = await crash(service);
  await service.supervisor.log.next(/generation 3 .* exited with status 1 .*\. Starting generation 4 in 200ms/);
  service.deploy(answering("cured"));
  service.supervisor.signal("SIGHUP");
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^cured from generation/);
});

test("with --on-crash exit the first crash ends the supervisor, with 128 + the signal", async () => {
  const service = await new TestService().start({ args: ["--on-crash", "exit"] });
  const [answer] = await crash(service, 1);
  // Nobody holds the socket any more.
  await expect(answer).rejects.toThrow(/ECONNRESET/);
  expect(await service.supervisor.ended).toEqual({ status: 128 + 9, signal: null });
  expect(service.supervisor.log.lines.at(-1)).toMatch(
    /^zerodown: generation 1 \(pid \d+\) was killed by SIGKILL\. Giving up \(--on-crash=exit\)$/,
  );
});

test("the helpers of a crashed generation are gone with it", async () => {
  const program = `sleep 1000 & echo "helper $!"; ${answering("v1")}`;
  const service = await new TestService().start({ program });
  const [, helper] = (await service.supervisor.output.next(/^helper/)).split(" ");
  await Promise.all(await crash(service));
  await eventually(() => expect(isAlive(Number(helper))).toBe(false));
  await service.expectOnly(2, "v1");
});
