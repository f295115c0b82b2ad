// What is put into the command of each process, the directory that is its own, and descriptors at other numbers (--fd-map).

import { existsSync, mkdirSync, readdirSync, realpathSync, statSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { zerodown } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { killSupervisors, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";

let base: string;
let remove: () => void;
beforeEach(() => {
  const { path, remove: removeIt } = temporaryDirectory();
  [base, remove] = [realpathSync(path), removeIt];
  mkdirSync(`${base}/releases/41`, { recursive: true });
  symlinkSync("releases/41", `${base}/current`);
});
afterEach(killSupervisors);
afterEach(() => remove());

/** Tells its arguments, leaves something in the directory that is the last of them, and is ready then. */
const APP =
  'echo "given $*" >&2; for last; do :; done; mkdir -p "$last/a/b"; echo >&$ZERODOWN_READY_FD; exec sleep 1000';

function start(options: readonly string[], ...args: string[]): TestSupervisor {
  const own = ["--ready", "fd", "--working-directory", `${base}/current`];
  return new TestSupervisor([...own, ...options, "--", "sh", "-c", APP, "sh", ...args], {
    env: { RUNTIME_DIRECTORY: base },
  });
}

/** The arguments of the next process that starts, but for the last. */
async function given(supervisor: TestSupervisor, from = 0): Promise<{ args: string; runtime: string }> {
  const [, args, runtime] = /given (.*) (\S+)$/.exec(await supervisor.log.next(/given /, from))!;
  return { args: args!, runtime: runtime! };
}

test("each generation has its values, and a directory that goes with it", async () => {
  const listen = ["--listen", `web=@${base}/web`, "--listen", `admin=@${base}/admin`];
  const args = ["{generation}", "{worker}", "{fd}", "{fd:admin}", "{release}", "{{worker}}", "{print}", "{runtime}"];
  const supervisor = start(listen, ...args);
  await supervisor.serving(1);
  const first = await given(supervisor);
  expect(first.args).toBe(`1 0 3 4 ${base}/releases/41 {worker} {print}`);
  expect([statSync(first.runtime).mode & 0o777, readdirSync(first.runtime)]).toEqual([0o700, ["a"]]);
  const from = supervisor.log.count;
  await supervisor.reload();
  const second = await given(supervisor, from);
  expect(second.args).toMatch(/^2 0 3 4 /);
  await supervisor.log.next(/generation 1 \(pid \d+\) drained/);
  await eventually(() => expect([existsSync(first.runtime), existsSync(second.runtime)]).toEqual([false, true]));
  await supervisor.stop();
  expect(readdirSync(base).sort()).toEqual(["current", "releases"]);
});

test("each worker has its own", async () => {
  const supervisor = start(["--workers", "2"], "{worker}", "{runtime}");
  await eventually(() => expect(supervisor.log.matching(/^given /)).toHaveLength(2));
  const lines = supervisor.log.lines.flatMap(line => /given (\d) (\S+)$/.exec(line)?.slice(1, 3) ?? []);
  expect([lines[0], lines[2]].sort()).toEqual(["0", "1"]);
  expect(new Set([lines[1], lines[3]]).size).toBe(2);
  expect([lines[1], lines[3]].map(path => existsSync(path!))).toEqual([true, true]);
  await supervisor.stop();
});

test("a descriptor that isn't there fails the start, and its reason names those that are", async () => {
  const supervisor = start(["--listen", `web=@${base}/web`], "{fd:wbe}", "{runtime}");
  const line = await supervisor.log.next(/start failed/);
  expect(line).toContain("{fd:wbe}: no descriptor has that name (but web)");
  expect(await supervisor.ended).toMatchObject({ status: 69 });
  expect(readdirSync(base).sort()).toEqual(["current", "releases"]);
});

test("in a dry run the probe socket, which is all that it gets, stands for every other one", async () => {
  const listen = ["--listen", `web=@${base}/web`, "--listen", `admin=@${base}/admin`];
  const supervisor = start(listen, "{fd}", "{fd:admin}", "{runtime}");
  await supervisor.serving(1);
  const from = supervisor.log.count;
  expect((await zerodown(["reload", "--dry-run", "--pid", String(supervisor.pid)])).status).toBe(0);
  const { args, runtime } = await given(supervisor, from);
  expect(args).toBe("3 3");
  await eventually(() => expect(existsSync(runtime)).toBe(false));
  await supervisor.stop();
});

test("a probe has the values of the process that it probes", async () => {
  const probe =
    'test -d {runtime}/a && test {generation}.{worker} = "$ZERODOWN_GENERATION.0" && cd {release} && pwd -P';
  const supervisor = start(["--probe", probe], "{runtime}");
  expect(await supervisor.log.next(/a probe of .* says/)).toMatch(/says: .*\/releases\/41$/);
  await supervisor.serving(1);
  await supervisor.stop();
});

test("after an upgrade of the supervisor the directory stays, and goes with its generation", async () => {
  const supervisor = start([], "{generation}", "{runtime}");
  await supervisor.serving(1);
  const { runtime } = await given(supervisor);
  expect((await zerodown(["upgrade", "--pid", String(supervisor.pid)])).status).toBe(0);
  expect(existsSync(runtime)).toBe(true);
  await supervisor.reload();
  await eventually(() => expect(existsSync(runtime)).toBe(false));
  await supervisor.stop();
});

/** Tells what its descriptors 0, 3, 4 and 9 are, and $LISTEN_FDS. */
const TELLS = [
  "sh",
  "-c",
  'for fd in 0 3 4 9; do echo "at $fd: $(readlink /proc/$$/fd/$fd)" >&2; done; echo "count $LISTEN_FDS" >&2; echo >&$ZERODOWN_READY_FD; exec sleep 1000',
];

function mapping(...options: string[]): TestSupervisor {
  const listen = ["--listen", `web=@${base}/web`, "--listen", `admin=@${base}/admin`];
  return new TestSupervisor(["--ready", "fd", ...listen, ...options, "--", ...TELLS], {
    env: { RUNTIME_DIRECTORY: base },
  });
}

async function told(supervisor: TestSupervisor, from = 0): Promise<string[]> {
  const count = await supervisor.log.next(/^count /, from);
  const at = supervisor.log.lines.flatMap(line => /at \d: (.*)$/.exec(line)?.[1] ?? []).slice(-4);
  return [...at, count];
}

test("a descriptor stands at another number as well, in every generation, and LISTEN_FDS is as without", async () => {
  const supervisor = mapping("--fd-map", "admin=0", "--fd-map", "9");
  await supervisor.serving(1);
  const [at0, web, admin, at9, count] = await told(supervisor);
  expect([at0, at9, count]).toEqual([admin, web, "count 2"]);
  expect([web, admin].every(link => link!.startsWith("socket:"))).toBe(true);
  expect(web).not.toBe(admin);
  const from = supervisor.log.count;
  await supervisor.reload();
  expect(await told(supervisor, from)).toEqual([at0, web, admin, at9, count]);
  await supervisor.stop();
});

test("in a dry run the probe socket stands there", async () => {
  const supervisor = mapping("--fd-map", "admin=0");
  await supervisor.serving(1);
  const from = supervisor.log.count;
  expect((await zerodown(["reload", "--dry-run", "--pid", String(supervisor.pid)])).status).toBe(0);
  const [at0, probe, , , count] = await told(supervisor, from);
  expect([at0, count]).toEqual([probe, "count 1"]);
  await supervisor.stop();
});

test("a name that no descriptor has fails the start, and its reason names those that are", async () => {
  const supervisor = mapping("--fd-map", "wbe=0");
  expect(await supervisor.log.next(/start failed/)).toContain(
    "--fd-map wbe=0: no descriptor has that name (but web, admin)",
  );
  expect(await supervisor.ended).toMatchObject({ status: 69 });
});
