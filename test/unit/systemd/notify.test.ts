// The notifier on both of its transports, to a real socket, in a process of its own: libsystemd reads the real
// environment.

import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Lines } from "../../support/lines.js";
import { closeManagerSockets, ManagerSocket } from "../../support/manager-socket.js";
import { fdKinds, idle } from "../../support/processes.js";
import { hasSdNotify } from "../../support/sd-notify.js";
import { temporaryDirectory } from "../../support/supervisor.js";

const directories: { remove: () => void }[] = [];
const processes: ChildProcess[] = [];

afterEach(() => {
  for (const child of processes.splice(0)) child.kill("SIGKILL");
  closeManagerSockets();
  for (const directory of directories.splice(0)) directory.remove();
});

/** A notifier in another process. */
class OtherNotifier {
  /** "sent" after each message, and what it complains of. */
  readonly output = new Lines();
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private sent = 0;

  constructor(transport: string, address: string | undefined) {
    const program = `
      import { createInterface } from "node:readline";
      import * as notify from ${JSON.stringify(new URL("../../../src/systemd/as-service/notify.js", import.meta.url))};
      const notifier = new notify.Notifier(process.env, why => console.log("problem:", why), ${transport});
      console.log("connected:", notifier.isConnected);
      createInterface({ input: process.stdin }).on("line", line => {
        notifier.send(JSON.parse(line));
        console.log("sent");
      });`;
    this.child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: { ...process.env, NOTIFY_SOCKET: address },
      stdio: ["pipe", "pipe", "inherit"],
    });
    processes.push(this.child);
    this.child.stdout!.on("data", (data: Buffer) => this.output.add(data.toString()));
    this.ended = new Promise(resolve => this.child.on("close", resolve));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Resolves when `send` has returned, which it does at once. */
  async send(...assignments: string[]): Promise<void> {
    this.child.stdin!.write(`${JSON.stringify(assignments)}\n`);
    this.sent++;
    const expected = this.sent;
    for (let from = 0, seen = 0; seen < expected; seen++) {
      await this.output.next(/^sent$/, from);
      from = this.output.lines.indexOf("sent", from) + 1;
    }
  }

  problems(): string[] {
    return this.output.matching(/^problem/);
  }

  /** The sender ends by itself when it has nothing more to say. */
  async end(): Promise<number | null> {
    this.child.stdin!.end();
    return this.ended;
  }
}

function path(): string {
  const directory = temporaryDirectory();
  directories.push(directory);
  return `${directory.path}/notify`;
}

function abstractName(): string {
  return `@zerodown-test-${process.pid}-${Math.random()}`;
}

/** The messages, with "|" between their assignments. */
function messages(manager: ManagerSocket): string[] {
  manager.collect();
  return manager.received.map(({ assignments }) => assignments.join("|"));
}

const TRANSPORTS = [["the addon", "notify.sendByAddon"]];
// The package is optional; where CI says so it must be there.
if (hasSdNotify()) {
  TRANSPORTS.push(["sd-notify", "notify.sendByLibrary() ?? process.exit(1)"]);
}

describe.each(TRANSPORTS)("by %s", (_, transport) => {
  test.each([
    ["a path", path],
    ["an abstract name", abstractName],
  ])("messages arrive as they are, in order, from the process itself, at %s", async (_, address) => {
    const manager = new ManagerSocket(address());
    const notifier = new OtherNotifier(transport!, manager.address);
    await notifier.send("READY=1", "MAINPID=1", "STATUS=äöü € 😀");
    await notifier.send("STATUS=");
    await notifier.send("STATUS=two\nlines\nREADY=1");
    expect(messages(manager)).toEqual(["READY=1|MAINPID=1|STATUS=äöü € 😀", "STATUS=", "STATUS=two lines READY=1"]);
    expect(new Set(manager.received.map(({ pid }) => pid))).toEqual(new Set([notifier.pid]));
    expect(notifier.problems()).toEqual([]);
    expect(await notifier.end()).toBe(0);
  });

  test("a socket that goes away is told once, and one that comes back gets what is said from then on", async () => {
    const address = path();
    const first = new ManagerSocket(address);
    const notifier = new OtherNotifier(transport!, address);
    await notifier.send("STATUS=1");
    expect(messages(first)).toEqual(["STATUS=1"]);
    first.close();
    await notifier.send("STATUS=2");
    await notifier.send("STATUS=3");
    const second = new ManagerSocket(address);
    await notifier.send("STATUS=4");
    expect(messages(second)).toEqual(["STATUS=4"]);
    expect(notifier.problems()).toEqual([
      `problem: systemd can't be notified: NOTIFY_SOCKET=${address}: ENOENT: no such file or directory, connect '${address}'`,
    ]);
    expect(await notifier.end()).toBe(0);
  });

  test("a socket that nobody reads any more is told once", async () => {
    const address = abstractName();
    const manager = new ManagerSocket(address);
    const notifier = new OtherNotifier(transport!, address);
    await notifier.send("STATUS=1");
    manager.close();
    await notifier.send("STATUS=2");
    await notifier.send("STATUS=3");
    expect(notifier.problems()).toEqual([
      expect.stringContaining(`ECONNREFUSED: connection refused, connect '${address}'`),
    ]);
    expect(await notifier.end()).toBe(0);
  });

  test("a full socket blocks nothing, is told once, and gets everything in order when there is room", async () => {
    const manager = new ManagerSocket(abstractName());
    manager.fill();
    const notifier = new OtherNotifier(transport!, manager.address);
    const all = Array.from({ length: 20 }, (_, index) => `STATUS=${index}`);
    for (const message of all) await notifier.send(message);
    expect(notifier.problems()).toEqual([
      `problem: NOTIFY_SOCKET=${manager.address} is full: what is to be said waits until systemd reads`,
    ]);
    manager.read();
    await manager.lines.next(/^STATUS=19$/);
    await notifier.send("READY=1");
    expect(messages(manager)).toEqual([...all, "READY=1"]);
    expect(notifier.problems()).toHaveLength(1);
    expect(await notifier.end()).toBe(0);
  });

  test("a full socket that goes away is given up", async () => {
    const manager = new ManagerSocket(abstractName());
    manager.fill();
    const notifier = new OtherNotifier(transport!, manager.address);
    await notifier.send("STATUS=1");
    manager.close();
    expect(await notifier.end()).toBe(0);
    expect(notifier.problems()).toHaveLength(1);
  });

  test("of what waits too long the passing goes first, and no state is lost", async () => {
    const manager = new ManagerSocket(abstractName());
    manager.fill();
    const notifier = new OtherNotifier(transport!, manager.address);
    await notifier.send("READY=1", "STATUS=ready");
    await notifier.send("RELOADING=1", "STATUS=reloading");
    for (let index = 0; index < 100; index++) await notifier.send(`STATUS=${index}`);
    await notifier.send("READY=1", "STATUS=ready again");
    manager.read();
    await manager.lines.next(/ready again/);
    expect(messages(manager)).toEqual([
      "READY=1|STATUS=ready",
      "RELOADING=1|STATUS=reloading",
      ...Array.from({ length: 61 }, (_, index) => `STATUS=${index + 39}`),
      "READY=1|STATUS=ready again",
    ]);
  });

  test("no descriptor stays open, whether messages arrive or not", async () => {
    const address = path();
    const notifier = new OtherNotifier(transport!, address);
    await notifier.send("STATUS=nobody is there");
    await idle(notifier.pid);
    const before = fdKinds(notifier.pid);
    const manager = new ManagerSocket(address).read();
    for (let index = 0; index < 50; index++) await notifier.send(`STATUS=${index}`);
    manager.pause();
    manager.fill();
    await notifier.send("STATUS=waits");
    manager.read();
    await manager.lines.next(/waits/);
    manager.close();
    for (let index = 0; index < 50; index++) await notifier.send(`STATUS=${index}`);
    await idle(notifier.pid);
    expect(fdKinds(notifier.pid)).toEqual(before);
  });
});

test("without NOTIFY_SOCKET nothing is said, and nothing is wrong", async () => {
  const notifier = new OtherNotifier("undefined", undefined);
  await notifier.send("READY=1");
  expect(notifier.output.lines).toEqual(["connected: false", "sent"]);
  expect(await notifier.end()).toBe(0);
});
