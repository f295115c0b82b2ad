// A process that replaces itself: what it keeps, and which signals wait. Each test is a process of its own.

import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { ROOT } from "../../support/supervisor.js";

const ADDON = `${ROOT}build/src/native/zerodown-${process.arch}.node`;
/** The sanitizers' libraries must be first. */
const PRELOAD = [process.env.LD_PRELOAD, ADDON].filter(Boolean).join(" ");
/** Tells its pid, its descriptors but for Node's, and the signals that wait for it. */
const TELL = `import os, signal
fds = [fd for fd in range(3, 64) if os.path.exists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}") == "/dev/zero"]
print(os.getpid(), fds, sorted(int(number) for number in signal.sigpending()))`;

function run(program: string, env: NodeJS.ProcessEnv = {}): string[] {
  const prelude = `const native = require(${JSON.stringify(ADDON)}), fs = require("node:fs");\n`;
  const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
  return execFileSync(process.execPath, ["--eval", prelude + program], options)
    .trimEnd()
    .split("\n");
}

const REPLACE = `
const replace = (paths, ...argv) => native.replace({ paths, argv, environment: [], fds: [kept] });
const [kept, other] = [fs.openSync("/dev/zero"), fs.openSync("/dev/zero")];
const told = [process.pid, "[" + kept + "]"].join(" ");
`;

test("the pid and the descriptors that are named stay, and signals that come meanwhile wait", () => {
  const [before, after] = run(`${REPLACE}
console.log(told);
process.on("SIGHUP", () => console.log("taken")).on("SIGUSR2", () => console.log("taken"));
native.holdSignals();
process.kill(process.pid, "SIGHUP");
// To whichever thread takes it.
process.kill(process.pid, "SIGUSR2");
setImmediate(() => setImmediate(() => replace(["/usr/bin/python3"], "python3", "-c", ${JSON.stringify(TELL)})));
`);
  expect(after).toBe(`${before} [1, 12]`);
});

test("where that fails nothing has changed: signals are taken, and no child gets a descriptor", () => {
  const lines = run(`${REPLACE}
process.on("SIGHUP", () => console.log("taken"));
native.holdSignals();
process.kill(process.pid, "SIGHUP");
for (const path of ["/none", "/etc/passwd"]) {
  try { replace([path], "x"); } catch ({ code, syscall }) { console.log(code, syscall); }
}
console.log(require("node:child_process").execFileSync("python3", ["-c", ${JSON.stringify(TELL)}], { encoding: "utf8" }).trim().replace(/^\\d+ /, ""));
native.releaseSignals();
setTimeout(() => {}, 100);
`);
  expect(lines).toEqual(["ENOENT execve", "EACCES execve", "[] []", "taken"]);
});

test("a Node that has the addon preloaded takes signals that wait when it is told to, and not before", () => {
  const next = `
const native = require(${JSON.stringify(ADDON)});
console.log("started");
process.on("SIGHUP", () => console.log("taken"));
setTimeout(() => { console.log("released"); native.releaseSignals(); }, 50);
setTimeout(() => {}, 200);
`;
  const lines = run(`
process.on("SIGHUP", () => {});
native.holdSignals();
process.kill(process.pid, "SIGHUP");
native.replace({
  paths: [process.execPath], argv: ["node", "--eval", ${JSON.stringify(next)}],
  environment: ["LD_PRELOAD=${PRELOAD}"], fds: [],
});
`);
  expect(lines).toEqual(["started", "released", "taken"]);
});
