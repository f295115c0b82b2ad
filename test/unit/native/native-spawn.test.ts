// A child that the addon started looks around, and tells what it finds.

import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { SpawnOptions } from "../../../src/native/index.js";
import { bytes, childPids, ended, leftovers, PYTHON, runNode, spawn, thrown } from "../../support/native.js";
import { APPS, temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
const FILES = ["a", "b", "c", "d"].map(name => `${directory.path}/${name}`);
let files: number[];

beforeAll(() => {
  for (const file of FILES) writeFileSync(file, "");
  files = FILES.map(file => openSync(file, "r"));
});

afterAll(() => {
  for (const fd of files) closeSync(fd);
  directory.remove();
});

interface Report {
  fds: Record<string, string>;
  environment: string[];
  arguments: string[];
  pid: number;
  group: number;
  directory: string;
  deathSignal: number;
  fileLimit: [number, number];
}

async function report(options: Partial<SpawnOptions> = {}, ...args: string[]): Promise<Report> {
  const file = `${directory.path}/report`;
  const argv = [PYTHON, "-IS", `${APPS}spawn-report.py`, ...args, file];
  expect(await ended(spawn({ ...options, argv }))).toEqual({ status: 0, signal: 0 });
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Fields of /proc/PID/status as the child has them when it is executed, before it changes any. */
async function processStatus(options: Partial<SpawnOptions> = {}): Promise<Record<string, string>> {
  const file = `${directory.path}/status`;
  const child = spawn({ argv: ["cp", "/proc/self/status", file], paths: ["/usr/bin/cp", "/bin/cp"], ...options });
  expect(await ended(child)).toEqual({ status: 0, signal: 0 });
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return Object.fromEntries(lines.map(line => line.split(/:\s*/) as [string, string]));
}

describe("descriptors", () => {
  test("are 0 to 2 as the parent has them, those asked for, and no other", async () => {
    const [a, b] = files as [number, number];
    const own = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`);
    expect((await report({ fds: [b, a] })).fds).toEqual({ 0: own(0), 1: own(1), 2: own(2), 3: FILES[1], 4: FILES[0] });
    expect(Object.keys((await report()).fds)).toEqual(["0", "1", "2"]);
  });

  test("may be the same one several times", async () => {
    const [a, b] = files as [number, number];
    const { fds } = await report({ fds: [a, a, b, a] });
    expect([3, 4, 5, 6].map(fd => fds[fd])).toEqual([FILES[0], FILES[0], FILES[1], FILES[0]]);
  });

  test("may stand at other numbers as well", async () => {
    const [a, b] = files as [number, number];
    const { fds } = await report({ fds: [a, b], copies: [0, 0, 1, 9, 0, 5] });
    expect(fds).toMatchObject({ 0: FILES[0], 3: FILES[0], 4: FILES[1], 5: FILES[0], 9: FILES[1] });
    expect(Object.keys(fds)).toEqual(["0", "1", "2", "3", "4", "5", "9"]);
  });

  test("can't stand beyond the limit of open files, and then nothing is started", () => {
    const left = leftovers();
    const copies = [0, 2 ** 30];
    expect(thrown(() => spawn({ argv: ["/usr/bin/true"], fds: [0], copies }))).toMatchObject({ code: "EBADF" });
    expect(left()).toEqual({ fds: [], children: [] });
  });

  test("arrive in order wherever they stand in the parent, at each other's places too", async () => {
    // Every way to choose up to three of 3–6 and of one that stands higher up.
    const sources = [3, 4, 5, 6, 40];
    const pairs = sources.flatMap(first => sources.map(second => [first, second]));
    const cases = [...sources.map(fd => [fd]), ...pairs, ...pairs.flatMap(pair => sources.map(fd => [...pair, fd]))];
    const { output, errors } = await runNode(
      `
      import { openSync } from "node:fs";
      while (openSync("/dev/null", "r") < 40);
      const argv = ["readlink", ...Array.from({ length: 60 }, (_, index) => "/proc/self/fd/" + (index + 3))];
      for (const fds of ${JSON.stringify(cases)}) {
        const { pidfd } = native.spawn({
          paths: ["/usr/bin/readlink", "/bin/readlink"], argv, environment: [], pidVariables: [], directory: "/", fds, copies: [],
          deathSignal: 9, ignoredSignal: 0, fileLimit: -1, cgroup: "",
        });
        await new Promise(resolve => {
          const stop = native.watch(pidfd, false, () => { stop(); resolve(native.reap(pidfd)); });
        });
        console.log("end of case");
      }`,
      files,
    );
    const at = (fd: number) => (fd === 40 ? "/dev/null" : FILES[fd - 3]!);
    const expected = cases.map(fds => `${fds.map(fd => `${at(fd)}\n`).join("")}end of case\n`);
    expect({ output, errors }).toEqual({ output: expected.join(""), errors: "" });
  });
});

test("the child gets the arguments as they are", async () => {
  expect((await report({}, "", bytes("ä b"), "$HOME")).arguments).toEqual(["", "ä b", "$HOME"]);
});

test("the environment is what was given, then the pid variables with the child's own pid", async () => {
  const environment = ["A=1", "EMPTY=", "UTF8=ä€😀", "LINES=a\nb"];
  const { pid, environment: seen } = await report({
    environment: environment.map(bytes),
    pidVariables: ["LISTEN_PID", "WATCHDOG_PID"],
  });
  expect(seen).toEqual([...environment, `LISTEN_PID=${pid}`, `WATCHDOG_PID=${pid}`]);
});

test("spawn tells the child's pid", async () => {
  const child = spawn({ argv: ["/usr/bin/sleep", "1000"] });
  expect(childPids()).toContain(child.pid);
  process.kill(child.pid, "SIGKILL");
  expect(await ended(child)).toEqual({ status: 0, signal: constants.signals.SIGKILL });
});

test("the child leads a process group of its own", async () => {
  const { pid, group } = await report();
  expect(group).toBe(pid);
});

test("the child starts in the directory given", async () => {
  mkdirSync(`${directory.path}/here`);
  expect((await report({ directory: `${directory.path}/here` })).directory).toBe(`${directory.path}/here`);
});

test("no signal is blocked, ignored or handled in the child, SIGPIPE neither", async () => {
  const { SigBlk, SigIgn, SigCgt } = await processStatus();
  const none = "0".repeat(16);
  expect({ SigBlk, SigIgn, SigCgt }).toEqual({ SigBlk: none, SigIgn: none, SigCgt: none });
  // This process ignores it, so the above says something.
  const [, ours = ""] = /^SigIgn:\t(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  expect(Number.parseInt(ours, 16) & (1 << (constants.signals.SIGPIPE - 1))).not.toBe(0);
});

test("one signal may be ignored in the child", async () => {
  const { SIGPIPE } = constants.signals;
  const { SigIgn } = await processStatus({ ignoredSignal: SIGPIPE });
  expect(SigIgn).toBe((1 << (SIGPIPE - 1)).toString(16).padStart(16, "0"));
});

describe("the soft limit of open files", () => {
  test("is lowered to the one given; the hard one stays", async () => {
    const before = (await report()).fileLimit;
    expect((await report({ fileLimit: 64 })).fileLimit).toEqual([64, before[1]]);
  });

  test("is never raised, and left alone where none is given", async () => {
    const before = (await report()).fileLimit;
    expect((await report({ fileLimit: 2 ** 31 - 1 })).fileLimit).toEqual(before);
    expect((await report({ fileLimit: -1, cgroup: "" })).fileLimit).toEqual(before);
  });
});

describe("the death signal", () => {
  test("is set in the child", async () => {
    expect((await report({ deathSignal: constants.signals.SIGTERM })).deathSignal).toBe(constants.signals.SIGTERM);
    expect((await report()).deathSignal).toBe(0);
  });

  test("reaches the child when its parent is killed", async () => {
    const { signal, output } = await runNode(`
      native.spawn({
        paths: ["/bin/sh"], argv: ["sh", "-c", "trap 'echo told; exit' TERM; kill -KILL $PPID; for i in $(seq 1000); do sleep 0.01; done"],
        environment: [], pidVariables: [], directory: "/", fds: [], copies: [], deathSignal: 15, ignoredSignal: 0, fileLimit: -1, cgroup: "",
      });
      setInterval(() => {}, 1e9);`);
    // Both of them have let go of the output, so both are gone.
    // The kernel may send it once for each thread that dies.
    expect({ signal, output }).toEqual({ signal: "SIGKILL", output: expect.stringMatching(/^(?:told\n)+$/) });
  });
});

test("the first path that exists and may be executed is taken", async () => {
  writeFileSync(`${directory.path}/true`, "#!/bin/false\n", { mode: 0o644 });
  const paths = [
    "/nowhere/true",
    `${FILES[0]}/true`,
    directory.path,
    `${directory.path}/true`,
    "/usr/bin/true",
    "/usr/bin/false",
  ];
  expect(await ended(spawn({ argv: ["true"], paths }))).toEqual({ status: 0, signal: 0 });
});

test("hundreds of children leave no descriptor and no zombie behind", async () => {
  const left = leftovers();
  for (let count = 0; count < 30; count++) {
    const children = Array.from({ length: 10 }, () => spawn({ argv: ["/usr/bin/true"], fds: files }));
    for (const child of children) expect(await ended(child)).toEqual({ status: 0, signal: 0 });
  }
  const { fds, children } = left();
  expect({ fds: fds.filter(isOurs), children }).toEqual({ fds: [], children: [] });
});

/** Tells the kinds that spawn makes from others, because jest opens and closes files of its own meanwhile. */
function isOurs(fd: string): boolean {
  return fd.endsWith("anon_inode:[pidfd]") || FILES.some(file => fd.endsWith(` ${file}`));
}
