// How the addon tells that a child can't be started, and that nothing is left of it then.

import { mkdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { afterAll, describe, expect, test } from "@jest/globals";
import type { SpawnOptions } from "../../../src/native/index.js";
import { bytes, LEAVE_FDS, leftovers, runNode, spawn, thrown } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(directory.remove);
const { path } = directory;
writeFileSync(`${path}/text`, "", { mode: 0o644 });
writeFileSync(`${path}/garbage`, "\x01\x02\x03garbage", { mode: 0o755 });
writeFileSync(`${path}/orphan`, "#!/nowhere/interpreter\n", { mode: 0o755 });
mkdirSync(`${path}/folder`);

const { EACCES, E2BIG, EBADF, EINVAL, ENAMETOOLONG, ENOENT, ENOEXEC, ENOTDIR } = constants.errno;

const TRUE = "/usr/bin/true";
const app = (file: string) => ({ argv: ["app"], paths: [file] });

const CASES: [string, Partial<SpawnOptions> & { argv: string[] }, object][] = [
  ["a missing file", app("/nowhere/app"), { code: "ENOENT", errno: -ENOENT, syscall: "execve", path: "app" }],
  ["no path at all", { argv: ["app"], paths: [] }, { code: "ENOENT", errno: -ENOENT, syscall: "execve", path: "app" }],
  ["a missing interpreter", app(`${path}/orphan`), { code: "ENOENT", errno: -ENOENT, syscall: "execve", path: "app" }],
  [
    "a file that may not be executed",
    app(`${path}/text`),
    { code: "EACCES", errno: -EACCES, syscall: "execve", path: "app" },
  ],
  ["a directory", app(`${path}/folder`), { code: "EACCES", errno: -EACCES, syscall: "execve", path: "app" }],
  ["garbage", app(`${path}/garbage`), { code: "ENOEXEC", errno: -ENOEXEC, syscall: "execve", path: "app" }],
  [
    "a path through a file",
    app(`${path}/text/app`),
    { code: "ENOTDIR", errno: -ENOTDIR, syscall: "execve", path: "app" },
  ],
  [
    "a file that may not be executed before a missing one",
    { argv: ["app"], paths: [`${path}/text`, "/nowhere/app"] },
    { code: "EACCES", errno: -EACCES, syscall: "execve", path: "app" },
  ],
  [
    "garbage before a good one",
    { argv: ["app"], paths: [`${path}/garbage`, TRUE] },
    { code: "ENOEXEC", errno: -ENOEXEC, syscall: "execve", path: "app" },
  ],
  [
    "a path that is too long",
    app(`/${"x".repeat(300)}`),
    { code: "ENAMETOOLONG", errno: -ENAMETOOLONG, syscall: "execve", path: "app" },
  ],
  [
    "arguments that are too long",
    { argv: [TRUE, "x".repeat(200_000)] },
    { code: "E2BIG", errno: -E2BIG, syscall: "execve", path: TRUE },
  ],
  [
    "an environment that is too long",
    { argv: [TRUE], environment: [`A=${"x".repeat(200_000)}`] },
    { code: "E2BIG", errno: -E2BIG, syscall: "execve", path: TRUE },
  ],
  [
    "a missing directory",
    { argv: [TRUE], directory: `${path}/nowhere` },
    { code: "ENOENT", errno: -ENOENT, syscall: "chdir", path: `${path}/nowhere` },
  ],
  [
    "a directory that is a file",
    { argv: [TRUE], directory: `${path}/text` },
    { code: "ENOTDIR", errno: -ENOTDIR, syscall: "chdir", path: `${path}/text` },
  ],
  [
    "a closed descriptor",
    { argv: [TRUE], fds: [1_000_000] },
    { code: "EBADF", errno: -EBADF, syscall: "dup2", path: TRUE },
  ],
  [
    "a negative descriptor",
    { argv: [TRUE], fds: [-1] },
    { code: "EBADF", errno: -EBADF, syscall: "fcntl", path: TRUE },
  ],
  [
    "an invalid signal",
    { argv: [TRUE], deathSignal: 1000 },
    { code: "EINVAL", errno: -EINVAL, syscall: "prctl", path: TRUE },
  ],
];

describe("an error names errno, step and command, and leaves no child and no descriptor, for", () => {
  test.each(CASES)("%s", (_, options, expected) => {
    const left = leftovers();
    const error = thrown(() => spawn(options));
    expect(left()).toEqual({ fds: [], children: [] });
    expect(error).toMatchObject({ name: "Error", ...expected });
  });
});

test("the message reads as Node's own", () => {
  expect(thrown(() => spawn(app("/nowhere/app"))).message).toBe("ENOENT: no such file or directory, execve 'app'");
});

test("a long command is named whole in the error's path, and the message is cut", () => {
  const command = `/${"ä".repeat(1500)}`;
  const error = thrown(() => spawn({ argv: [bytes(command)] }));
  expect(error).toMatchObject({ code: "ENAMETOOLONG", path: command });
  expect(error.message!.length).toBeLessThan(1024);
});

test("where descriptors run out, nothing is started and nothing leaks", async () => {
  const { output, errors } = await runNode(`
    ${LEAVE_FDS}
    import { readSync } from "node:fs";
    const children = openSync("/proc/self/task/" + process.pid + "/children");
    const start = fds => {
      try {
        native.spawn({
          paths: ["/usr/bin/true"], argv: ["true"], environment: [], pidVariables: [], directory: "/", fds, copies: [],
          deathSignal: 9, ignoredSignal: 0, fileLimit: -1, cgroup: "",
        });
      } catch ({ code, syscall }) {
        console.log(code, syscall, readSync(children, Buffer.alloc(99), 0, 99, 0), "bytes of children");
      }
    };
    leaveFds(1);
    start([0, 1]);
    start([0, 1]);
    const last = openSync("/dev/null");
    start([]);
    closeSync(last);
    openSync("/dev/null");`);
  const none = "0 bytes of children";
  expect({ output, errors }).toEqual({
    output: `EMFILE fcntl ${none}\nEMFILE fcntl ${none}\nEMFILE clone ${none}\n`,
    errors: "",
  });
});
