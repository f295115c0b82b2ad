// Waiting for descriptors and for the end of children.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { describe, expect, test } from "@jest/globals";
import { native } from "../../../src/native/index.js";
import { childPids, ended, readable, runNode, spawn, thrown } from "../../support/native.js";

const { SIGKILL, SIGABRT } = constants.signals;

function withPipe(use: (reader: number, writer: number) => void): void {
  const [reader, writer] = native.pipe();
  try {
    use(reader, writer);
  } finally {
    closeSync(reader);
    closeSync(writer);
  }
}

describe("reap", () => {
  test("tells null while the child runs, its status once it ended, and leaves no zombie", async () => {
    const [reader, writer] = native.pipe();
    const child = spawn({ argv: ["/bin/sh", "-c", "read line <&3; exit 7"], fds: [reader] });
    expect(native.reap(child.pidfd)).toBeNull();
    writeSync(writer, "\n");
    await readable(child.pidfd);
    expect(childPids()).toContain(child.pid);
    expect(native.reap(child.pidfd)).toEqual({ status: 7, signal: 0 });
    expect(childPids()).not.toContain(child.pid);
    expect(thrown(() => native.reap(child.pidfd))).toMatchObject({ code: "ECHILD", syscall: "waitid" });
    for (const fd of [reader, writer, child.pidfd]) closeSync(fd);
  });

  test.each([
    ["KILL", SIGKILL],
    ["ABRT", SIGABRT],
  ])("tells the signal that ended the child: %s", async (name, signal) => {
    const child = spawn({ argv: ["/bin/sh", "-c", `ulimit -c 0; kill -${name} $$`] });
    expect(await ended(child)).toEqual({ status: 0, signal });
  });

  test("refuses what isn't a child's pidfd", () => {
    withPipe(reader => {
      expect(thrown(() => native.reap(reader))).toMatchObject({ code: "EBADF", syscall: "waitid" });
    });
  });
});

describe("watch", () => {
  test("calls back for as long as the descriptor is readable, and no more after stop", async () => {
    const [reader, writer] = native.pipe();
    writeSync(writer, "abc");
    const seen: string[] = [];
    await new Promise<void>(resolve => {
      const stop = native.watch(reader, false, status => {
        const byte = Buffer.alloc(1);
        readSync(reader, byte);
        seen.push(`${status}${byte}`);
        if (seen.length < 2) return;
        stop();
        resolve();
      });
    });
    // Two turns of the loop, in which the third byte would be seen.
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)));
    expect(seen).toEqual(["0a", "0b"]);
    closeSync(reader);
    closeSync(writer);
  });

  test("calls back when the descriptor is writable", async () => {
    const [reader, writer] = native.pipe();
    expect(await readable(writer, true)).toBe(0);
    closeSync(reader);
    closeSync(writer);
  });

  test("may be stopped again, at once and long after", async () => {
    const { status, output, errors } = await runNode(`
      import { setTimeout } from "node:timers/promises";
      import { closeSync } from "node:fs";
      const stops = [];
      for (let count = 0; count < 200; count++) {
        const [reader, writer] = native.pipe();
        const stop = native.watch(reader, false, () => {});
        stop();
        stop();
        closeSync(reader);
        closeSync(writer);
        stops.push(stop);
      }
      await setTimeout(0);
      await setTimeout(0);
      // Others stand now where the stopped ones stood.
      let seen = 0;
      const pipes = Array.from({ length: 200 }, () => native.pipe());
      const others = pipes.map(([reader]) => native.watch(reader, false, () => {
        seen++;
        for (const stop of others) stop();
      }));
      for (const stop of stops) stop();
      const { writeSync } = await import("node:fs");
      writeSync(pipes.at(-1)[1], "x");
      await setTimeout(0);
      console.log("seen", seen);`);
    expect({ status, output, errors }).toEqual({ status: 0, output: "seen 1\n", errors: "" });
  });

  test("may be stopped by one callback for another that is due in the same turn", async () => {
    const { output, errors } = await runNode(`
      import { writeSync } from "node:fs";
      const pipes = [native.pipe(), native.pipe()];
      for (const [, writer] of pipes) writeSync(writer, "x");
      const stops = pipes.map(([reader]) => native.watch(reader, false, () => {
        console.log("called");
        for (const stop of stops) stop();
      }));`);
    expect({ output, errors }).toEqual({ output: "called\n", errors: "" });
  });

  test("an error thrown by the callback is an uncaught exception, and the watching goes on", async () => {
    const { status, output, errors } = await runNode(`
      import { writeSync } from "node:fs";
      const [reader, writer] = native.pipe();
      writeSync(writer, "x");
      let calls = 0;
      process.on("uncaughtException", error => console.log("uncaught:", error.message));
      const stop = native.watch(reader, false, () => {
        if (++calls === 3) return stop();
        throw new Error("call " + calls);
      });`);
    expect({ status, output, errors }).toEqual({
      status: 0,
      output: "uncaught: call 1\nuncaught: call 2\n",
      errors: "",
    });
  });

  test("promises that the callback settles go on before the next event", async () => {
    const { output } = await runNode(`
      import { readSync, writeSync } from "node:fs";
      const [reader, writer] = native.pipe();
      writeSync(writer, "ab");
      const stop = native.watch(reader, false, () => {
        const byte = Buffer.alloc(1);
        readSync(reader, byte);
        console.log("event", String(byte));
        Promise.resolve().then(() => console.log("promise", String(byte)));
        if (String(byte) === "b") stop();
      });`);
    expect(output).toBe("event a\npromise a\nevent b\npromise b\n");
  });

  test("keeps the process alive until it is stopped, but not from exiting", async () => {
    // Unreferenced, the timer comes to its end only if something else keeps the process alive.
    const program = (end: string) => `
      const stop = native.watch(native.pipe()[0], false, () => {});
      setTimeout(() => { console.log("alive"); ${end} }, 1).unref();`;
    expect(await runNode(program("stop()"))).toMatchObject({ output: "alive\n", status: 0 });
    expect(await runNode(program("process.exit(3)"))).toMatchObject({ output: "alive\n", status: 3, signal: null });
  });

  test("ends with the worker thread that it runs in", async () => {
    const { status, output, errors } = await runNode(`
      import { Worker } from "node:worker_threads";
      const addon = ${JSON.stringify(new URL("../../../src/native/index.js", import.meta.url))};
      const code =
        'const { native } = await import(' + JSON.stringify(addon) + ');' +
        'const { parentPort } = await import("node:worker_threads");' +
        'native.watch(native.pipe()[0], false, () => {});' +
        'parentPort.postMessage("watching");';
      const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(code)));
      worker.on("message", () => worker.terminate());
      worker.on("exit", () => console.log("ended"));`);
    expect({ status, output, errors }).toEqual({ status: 0, output: "ended\n", errors: "" });
  });

  test("refuses files, closed descriptors, and those that are watched already", () => {
    const file = openSync("/proc/self/status", "r");
    expect(thrown(() => native.watch(file, false, () => {}))).toMatchObject({ code: "EPERM", syscall: "epoll_ctl" });
    closeSync(file);
    for (const fd of [file, -1, 1_000_000, 2 ** 31 - 1]) {
      expect(thrown(() => native.watch(fd, false, () => {}))).toMatchObject({ code: "EBADF", syscall: "epoll_ctl" });
    }
    withPipe(reader => {
      const stop = native.watch(reader, false, () => {});
      expect(thrown(() => native.watch(reader, false, () => {}))).toMatchObject({ code: "EEXIST" });
      stop();
      const again = native.watch(reader, false, () => {});
      again();
    });
  });
});
