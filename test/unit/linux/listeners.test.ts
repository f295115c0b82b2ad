// What processes listen on for themselves, as /proc tells.

import { randomInt } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { listensElsewhere, migratesRequests, readListeners } from "../../../src/linux/sockets/listeners.js";
import { AF_INET, native, SOCK_STREAM } from "../../../src/native/index.js";
import { eventually } from "../../support/eventually.js";
import { loopback } from "../../support/http-load.js";
import { ended, PYTHON, readable, spawn } from "../../support/native.js";

const opened: number[] = [];
const children: { pid: number; pidfd: number }[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    process.kill(child.pid, "SIGKILL");
    await ended(child);
  }
  for (const fd of opened.splice(0)) closeSync(fd);
});

/** Listens at these, and has a socket that is passed; resolves with its pid. */
async function listener(...addresses: [host: string, port: number][]): Promise<number> {
  const passed = native.bindInet(SOCK_STREAM, AF_INET, loopback().host, "", 8080, false);
  const [reader, writer] = native.pipe();
  opened.push(passed, reader, writer);
  const program = `import os, signal, socket
kept = [socket.create_server(address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        for address in ${JSON.stringify(addresses).replaceAll("[", "(").replaceAll("]", ",)")}]
os.write(4, b"x")
signal.pause()`;
  const child = spawn({ argv: [PYTHON, "-IS", "-c", program], fds: [passed, writer] });
  children.push(child);
  await readable(reader);
  return child.pid;
}

test("what is listened on is told with its address, but not by sockets that are ours, too, nor at a port of no number", async () => {
  const { host, port } = loopback();
  const high = randomInt(10_000, 30_000);
  const pid = await listener([host, port], ["::1", high], [host, 0]);
  expect([...listensElsewhere([pid, 2 ** 22 + 1]).addresses].sort()).toEqual([`${host}:${port}`, `[::1]:${high}`]);
  expect(listensElsewhere([process.pid]).addresses).toEqual([]);
});

test("what is ours is so at whatever number, whichever is free to read our own list by", async () => {
  const gap = openSync("/dev/null", "r");
  const own = Array.from({ length: 12 }, () => native.bindInet(SOCK_STREAM, AF_INET, loopback().host, "", 8080, false));
  opened.push(...own);
  const child = spawn({ argv: ["/bin/sleep", "1000"], fds: own });
  children.push(child);
  await eventually(() => expect(readFileSync(`/proc/${child.pid}/comm`, "utf8")).toBe("sleep\n"));
  closeSync(gap);
  expect(listensElsewhere([child.pid]).addresses).toEqual([]);
});

test("thousands of listeners are read line by line, and nothing behind them", () => {
  const file = `${mkdtempSync(`${tmpdir()}/zerodown-`)}/tcp`;
  const line = (number: number, state: string) =>
    `${String(number).padStart(4)}: 0100007F:${number.toString(16).padStart(4, "0").toUpperCase()} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 ${number} 1 0000000000000000 100 0 0 10 0`;
  const lines = Array.from({ length: 3000 }, (_, number) => line(number, "0A"));
  writeFileSync(
    file,
    ["  sl  local_address rem_address   st", ...lines, line(9999, "01"), line(8, "0A"), ""].join("\n"),
  );
  const listeners = readListeners(file);
  rmSync(dirname(file), { recursive: true });
  expect(listeners.map(({ inode }) => Number(inode))).toEqual(lines.map((_, number) => number));
});

test("whether what waits for a closed socket is moved to another one is what sysctl says", () => {
  const text = readFileSync("/proc/sys/net/ipv4/tcp_migrate_req", "utf8").trim();
  expect(migratesRequests()).toBe(text === "1");
});
