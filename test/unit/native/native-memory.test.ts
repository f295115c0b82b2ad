// Giving memory back.

import { expect, test } from "@jest/globals";
import { runNode } from "../../support/native.js";

test("trim lets go of free heap and program text, and all goes on working, on other threads too", async () => {
  const { status, output, errors } = await runNode(`
    import { readFileSync } from "node:fs";
    import { promisify } from "node:util";
    import { gunzip, gzip } from "node:zlib";
    const resident = () => Number(/^RssFile:\\s*(\\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
    const before = resident();
    const underWay = promisify(gzip)(Buffer.alloc(10_000_000, "x"));
    for (let count = 0; count < 20; count++) native.trim();
    const after = resident();
    const text = String(await promisify(gunzip)(await underWay));
    console.log(after < before / 2, text.length, new Function("return 6 * 7")());`);
  expect({ status, output, errors }).toEqual({ status: 0, output: "true 10000000 42\n", errors: "" });
});

/** Puts "T" at an address of another process, as a debugger does: into memory that can't be written otherwise. */
const PATCH = `
import ctypes, os, sys
pid, address = int(sys.argv[1]), int(sys.argv[2])
ptrace = ctypes.CDLL(None).ptrace
ptrace.argtypes, ptrace.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
ATTACH, DETACH, PEEK, POKE, WALL = 16, 17, 2, 5, 0x40000000
ptrace(ATTACH, pid, None, None)
os.waitpid(pid, WALL)
word = ptrace(PEEK, pid, address, None)
ptrace(POKE, pid, address, (word & ~0xff | ord("T")) & (1 << 64) - 1)
ptrace(DETACH, pid, None, None)`;

test("trim leaves text that somebody patched in memory, as agents and debuggers do", async () => {
  const { status, output, errors } = await runNode(`
    import { execFileSync } from "node:child_process";
    import { openSync, readFileSync, readSync } from "node:fs";
    // The addon's own text, in segments that can't be written.
    const memory = openSync("/proc/self/mem", "r");
    const lines = readFileSync("/proc/self/maps", "utf8").split("\\n").filter(line => /r--p .*zerodown-\\w+\\.node$/.test(line));
    const found = lines.map(line => {
      const [from, to] = line.split(" ")[0].split("-").map(text => parseInt(text, 16));
      const bytes = Buffer.alloc(to - from);
      readSync(memory, bytes, 0, bytes.length, from);
      const at = bytes.indexOf("too few arguments");
      return at < 0 ? undefined : from + at;
    });
    const address = found.find(at => at !== undefined);
    execFileSync("/usr/bin/python3", ["-c", ${JSON.stringify(PATCH)}, String(process.pid), String(address)]);
    const said = () => { try { native.duplicate(); } catch (error) { return error.message; } };
    const before = said();
    native.trim();
    console.log(before, "/", said());`);
  expect({ status, output, errors }).toEqual({
    status: 0,
    output: "Too few arguments / Too few arguments\n",
    errors: "",
  });
});
