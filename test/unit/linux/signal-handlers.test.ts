// Whether a signal would just end a process: /proc tells of real ones.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { isUnhandled } from "../../../src/linux/signal-handlers.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGABRT", "SIGKILL"] as const;

test("it is told of what a process handles, ignores and waits for, and of no signal that is to end it", async () => {
  const program = `
import signal
signal.signal(signal.SIGINT, lambda *_: None)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("armed", flush=True)
signal.pause()`;
  const child = spawn("python3", ["-c", program]);
  await once(child.stdout, "data");
  expect(SIGNALS.filter(signal => isUnhandled(child.pid!, signal))).toEqual(["SIGUSR2"]);
  child.kill("SIGKILL");
  await once(child, "close");
  expect(SIGNALS.filter(signal => isUnhandled(child.pid!, signal))).toEqual([]);
});
