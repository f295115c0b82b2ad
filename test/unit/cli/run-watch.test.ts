// zerodown run --watch DIR: real files change, and what serves follows.

import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startWatching } from "../../../src/cli/run/watch.js";
import { initialState } from "../../../src/machine/state.js";
import { zerodown } from "../../support/command.js";
import { idle } from "../../support/processes.js";
import { killSupervisors, TestSupervisor, temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";

const GOOD = "echo >&$ZERODOWN_READY_FD; exec sleep infinity\n";
const BROKEN = "exit 3\n";
const HUNG = "exec sleep infinity\n";

let directory: ReturnType<typeof temporaryDirectory>;
/** What is watched. */
let src: string;
beforeEach(() => {
  directory = temporaryDirectory();
  src = `${directory.path}/src`;
  mkdirSync(`${src}/lib/deep`, { recursive: true });
  writeFileSync(`${src}/app.sh`, GOOD);
  writeFileSync(`${src}/lib/deep/a.js`, "1");
});
afterEach(async () => {
  await killSupervisors();
  directory.remove();
});

/** Returns a supervisor whose first generation serves. */
async function start(watched = "src", command = ["sh", "src/app.sh"]): Promise<TestSupervisor> {
  const args = ["--ready", "fd", "--watch", watched, "--", ...command];
  const supervisor = new TestSupervisor(args, { cwd: directory.path });
  await supervisor.serving(1);
  return supervisor;
}

/** What the log says to have changed, for each reload. */
function changes(supervisor: TestSupervisor): string[] {
  return supervisor.log.lines.flatMap(line => /^zerodown: (.*) changed: reloading$/.exec(line)?.[1] ?? []);
}

test.each<[string, () => void, string]>([
  ["is changed in place", () => appendFileSync(`${src}/lib/deep/a.js`, "2"), "src/lib/deep/a.js"],
  ["is made", () => writeFileSync(`${src}/lib/b.js`, ""), "src/lib/b.js"],
  ["is removed", () => unlinkSync(`${src}/lib/deep/a.js`), "src/lib/deep/a.js"],
  ["is moved here", () => renameSync(`${src}/lib/deep/a.js`, `${src}/a.js`), "src/lib/deep/a.js and 1 more"],
  ["has a name that begins with a dot", () => writeFileSync(`${src}/.env`, "A=1"), "src/.env"],
])("a file that %s: one reload", async (_, change, what) => {
  const supervisor = await start();
  change();
  await supervisor.serving(2);
  await idle(supervisor.pid);
  expect(changes(supervisor)).toEqual([what]);
});

test("a burst of changes is one reload, after the last one", async () => {
  const supervisor = await start();
  for (let number = 0; number < 300; number++) {
    mkdirSync(`${src}/new/${number}`, { recursive: true });
    writeFileSync(`${src}/new/${number}/a.js`, "1");
  }
  await supervisor.serving(2);
  await idle(supervisor.pid);
  expect(changes(supervisor)).toHaveLength(1);
});

test("a file that was replaced by rename, and one in a directory that is new, are watched on", async () => {
  const supervisor = await start();
  writeFileSync(`${src}/lib/deep/a.js.new`, "2");
  renameSync(`${src}/lib/deep/a.js.new`, `${src}/lib/deep/a.js`);
  mkdirSync(`${src}/lib/x/y`, { recursive: true });
  await supervisor.serving(2);
  appendFileSync(`${src}/lib/deep/a.js`, "3");
  await supervisor.serving(3);
  writeFileSync(`${src}/lib/x/y/b.js`, "");
  await supervisor.serving(4);
  expect(changes(supervisor).slice(1)).toEqual(["src/lib/deep/a.js", "src/lib/x/y/b.js"]);
});

test("a directory that was removed and made again is watched on, be it DIR itself", async () => {
  const supervisor = await start("src/lib");
  rmSync(`${src}/lib`, { recursive: true });
  await supervisor.serving(2);
  mkdirSync(`${src}/lib/deep`, { recursive: true });
  await supervisor.serving(3);
  writeFileSync(`${src}/lib/deep/a.js`, "");
  await supervisor.serving(4);
  unlinkSync(`${src}/lib/deep/a.js`);
  await supervisor.serving(5);
  // In one step, so that nobody sees that it was gone.
  mkdirSync(`${directory.path}/other`);
  renameSync(`${directory.path}/other`, `${src}/lib/deep`);
  await supervisor.serving(6);
  writeFileSync(`${src}/lib/deep/a.js`, "");
  await supervisor.serving(7);
  expect(changes(supervisor).at(-1)).toBe("src/lib/deep/a.js");
});

test("DIR is found again, where the one around it was removed after it", async () => {
  const supervisor = await start("src/lib/deep");
  rmSync(`${src}/lib/deep`, { recursive: true });
  await supervisor.serving(2);
  rmSync(`${src}/lib`, { recursive: true });
  await supervisor.serving(3);
  mkdirSync(`${src}/lib/deep`, { recursive: true });
  await supervisor.serving(4);
  writeFileSync(`${src}/lib/deep/a.js`, "");
  await supervisor.serving(5);
  expect(changes(supervisor).at(-1)).toBe("src/lib/deep/a.js");
});

test("a directory that was moved away isn't watched any more; moved back by another name it is", async () => {
  const supervisor = await start();
  renameSync(`${src}/lib`, `${directory.path}/elsewhere`);
  await supervisor.serving(2);
  appendFileSync(`${directory.path}/elsewhere/deep/a.js`, "2");
  renameSync(`${directory.path}/elsewhere`, `${src}/other`);
  await supervisor.serving(3);
  appendFileSync(`${src}/other/deep/a.js`, "3");
  await supervisor.serving(4);
  expect(changes(supervisor)).toEqual(["src/lib", "src/other", "src/other/deep/a.js"]);
});

test("the switch of a symbolic link that leads to DIR counts, and what it leads to is watched from then on", async () => {
  for (const release of ["1", "2"]) {
    mkdirSync(`${directory.path}/releases/${release}/src`, { recursive: true });
    writeFileSync(`${directory.path}/releases/${release}/src/app.sh`, GOOD);
  }
  symlinkSync("releases/1", `${directory.path}/current`);
  const supervisor = await start("current/src", ["sh", "current/src/app.sh"]);
  symlinkSync("releases/2", `${directory.path}/next`);
  renameSync(`${directory.path}/next`, `${directory.path}/current`);
  await supervisor.serving(2);
  appendFileSync(`${directory.path}/releases/1/src/app.sh`, "# nobody's any more\n");
  appendFileSync(`${directory.path}/releases/2/src/app.sh`, "# new\n");
  await supervisor.serving(3);
  await idle(supervisor.pid);
  expect(changes(supervisor)).toEqual(["current", "releases/2/src/app.sh"]);
});

test("what is below node_modules and .git, and what editors put beside a file, doesn't count", async () => {
  for (const ignored of ["node_modules/a", ".git/refs"]) mkdirSync(`${src}/${ignored}`, { recursive: true });
  const supervisor = await start();
  for (const name of ["node_modules/a/b.js", "node_modules/c.js", ".git/index", ".git/refs/main"]) {
    writeFileSync(`${src}/${name}`, "");
  }
  for (const name of [
    ".app.sh.swp",
    "app.sh~",
    "4913",
    ".#app.sh",
    "#app.sh#",
    ".goutputstream-ABC",
    "a.js___jb_tmp___",
  ]) {
    writeFileSync(`${src}/${name}`, "");
  }
  mkdirSync(`${src}/lib/node_modules`);
  // What is written afterwards is told of afterwards.
  appendFileSync(`${src}/lib/deep/a.js`, "2");
  await supervisor.serving(2);
  expect(changes(supervisor)).toEqual(["src/lib/deep/a.js"]);
});

test("neither the supervisor's own files count, where these are in DIR, nor what is written at a stop", async () => {
  writeFileSync(
    `${src}/app.sh`,
    "trap '[ ! -e stopping ] || echo >src/a; rm src/sock; sleep 0.5; exit' INT; echo >&$ZERODOWN_READY_FD; while :; do sleep 0.1; done\n",
  );
  const run = `${src}/run`;
  mkdirSync(run);
  const sockets = ["--control", "src/control", "--listen", `${src}/sock`];
  const args = ["--ready", "fd", "--watch", "src", ...sockets, "--", "sh", "src/app.sh"];
  const supervisor = new TestSupervisor(args, { cwd: directory.path, env: { RUNTIME_DIRECTORY: run } });
  await supervisor.serving(1);
  writeFileSync(`${src}/b.js`, "");
  await supervisor.serving(2);
  await supervisor.log.next(/generation 1 .* drained/);
  writeFileSync(`${directory.path}/stopping`, "");
  await supervisor.stop();
  expect(changes(supervisor)).toEqual(["src/b.js"]);
});

test("a broken change leaves the old one serving, and says so; the next one is tried again", async () => {
  const supervisor = await start();
  writeFileSync(`${src}/app.sh`, BROKEN);
  expect(await supervisor.log.next(/reload failed/)).toMatch(
    /generation 2 \(pid \d+\) exited with status 3 before it was ready. Generation 1 \(pid \d+\) still serving$/,
  );
  writeFileSync(`${src}/app.sh`, GOOD);
  await supervisor.serving(3);
});

test("a change overtakes a candidate that hangs", async () => {
  const supervisor = await start();
  writeFileSync(`${src}/app.sh`, HUNG);
  await supervisor.log.next(/generation 2 \(pid \d+\) started/);
  writeFileSync(`${src}/app.sh`, GOOD);
  await supervisor.serving(3);
});

test("changes that never pause are told of, once", async () => {
  const lines: string[] = [];
  let clock = 0;
  let changed = () => {};
  // A quiet time that never comes.
  const after = () => {
    changed();
    return () => {};
  };
  startWatching([src], {
    supervisor: { reload: () => Promise.reject(new Error("nobody is to reload")), state: initialState },
    log: (_, text) => lines.push(text),
    outside: { after, now: () => clock },
    environment: {},
    own: [],
    goesOn: false,
  });
  for (let second = 0; second < 30; second += 4) {
    clock = second * 1e6;
    const told = new Promise<void>(resolve => {
      changed = resolve;
    });
    writeFileSync(`${src}/app.log`, String(second));
    await told;
  }
  expect(lines.slice(1)).toEqual([
    `${src}/app.log and others change without a pause: a reload waits until they stay for 100 ms`,
  ]);
});

test("a supervisor that replaces itself watches on; where DIR is gone it says so, and the app serves on", async () => {
  const supervisor = await start();
  const upgrade = async () =>
    expect(await zerodown(["upgrade", "--pid", String(supervisor.pid)])).toMatchObject({ status: 0 });
  await upgrade();
  appendFileSync(`${src}/lib/deep/a.js`, "2");
  await supervisor.serving(2);
  renameSync(src, `${directory.path}/gone`);
  await supervisor.log.next(/reload failed/);
  await upgrade();
  await supervisor.log.next(/^zerodown: --watch src: there is no such directory; nothing is watched$/);
  expect(supervisor.children()).toHaveLength(1);
});

function timesScheduled(pid: number): string[] {
  return readFileSync(`/proc/${pid}/status`, "utf8").match(/^\S*ctxt_switches:.*$/gm)!;
}

test("nothing wakes it up while nothing changes", async () => {
  const supervisor = await start();
  await supervisor.reload();
  await idle(supervisor.pid);
  // Memory is given back a while after a reload, and in only one of these times.
  const times: string[] = [];
  for (let count = 0; count < 4; count++) {
    times.push(timesScheduled(supervisor.pid).join());
    await new Promise(resolve => setTimeout(resolve, 2000));
  }
  expect(new Set(times).size).toBeLessThanOrEqual(2);
});

function refused(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const options = { cwd: directory.path, encoding: "utf8", env: { ...process.env, ...env }, timeout: 20_000 } as const;
  const { status, stderr } = spawnSync(ZERODOWN, ["run", ...args, "--", "echo", "started"], options);
  return { status, stderr };
}

test.each([
  [["--watch", "none"], {}, 64, "--watch none: there is no such directory"],
  [["--watch", "src/app.sh"], {}, 64, "--watch src/app.sh: it isn't a directory"],
  [
    ["--watch", "src"],
    { NOTIFY_SOCKET: "@nobody" },
    64,
    "--watch is for writing code at a terminal. In a unit systemd watches: zerodown unit NAME --watch LINK prints the .path unit that reloads when the link to a release is switched",
  ],
])("%j with %j: exit status %d, and one line", (args, env, status, line) => {
  expect(refused(args, env)).toEqual({ status, stderr: `zerodown: ${line}\n` });
});

/** A user namespace has limits of its own. */
function hasUserNamespaces(): boolean {
  const isThere = spawnSync("unshare", ["-Ur", "true"]).status === 0;
  if (!isThere) console.log("left out: no user namespace can be made here (a chroot has none)");
  return isThere;
}

test("where what is new can't be watched it says so once, and what was watched before is watched on", async () => {
  if (!hasUserNamespaces()) return;
  const limited = `${directory.path}/limited`;
  const script = `#!/bin/sh\nexec unshare -Ur sh -c 'echo 3 >/proc/sys/user/max_inotify_watches && exec "$0" "$@"' ${ZERODOWN} "$@"\n`;
  writeFileSync(limited, script, { mode: 0o755 });
  const args = ["--ready", "fd", "--watch", "src", "--", "sh", "src/app.sh"];
  const supervisor = new TestSupervisor(args, { cwd: directory.path, zerodown: limited });
  await supervisor.serving(1);
  // It is looked for before the others.
  mkdirSync(`${src}/a`);
  await supervisor.serving(2);
  appendFileSync(`${src}/lib/deep/a.js`, "2");
  await supervisor.serving(3);
  expect(changes(supervisor)).toEqual(["src/a", "src/lib/deep/a.js"]);
  expect(supervisor.log.matching(/--watch: /)).toEqual([
    expect.stringMatching(/as many directories .*; what is new there isn't watched$/),
  ]);
});

function withLimit(limit: string, value: number): { status: number | null; stderr: string } {
  const script = `echo ${value} >/proc/sys/user/${limit} && exec "$0" run --watch src -- echo started`;
  const options = { cwd: directory.path, encoding: "utf8", timeout: 20_000 } as const;
  const { status, stderr } = spawnSync("unshare", ["-Ur", "sh", "-c", script, ZERODOWN], options);
  return { status, stderr };
}

test.each([
  [
    "max_inotify_watches",
    2,
    /^zerodown: --watch: as many directories .* \(\d+\): .* sysctl fs\.inotify\.max_user_watches=\d+\n$/,
  ],
  [
    "max_inotify_instances",
    0,
    /^zerodown: --watch: as many programs .* \(\d+\): .* sysctl fs\.inotify\.max_user_instances=\d+\n$/,
  ],
] as const)("%s: where the limit is reached it says so in one line, and how to raise it", (limit, value, line) => {
  if (!hasUserNamespaces()) return;
  const { status, stderr } = withLimit(limit, value);
  expect(stderr).toMatch(line);
  expect(status).toBe(71);
});
