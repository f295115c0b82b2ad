// Sockets of other processes on an address of ours, as /proc tells of them.

import { randomInt } from "node:crypto";
import { closeSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { foreignSockets } from "../../../src/cli/status/foreign.js";
import { parseListen } from "../../../src/linux/sockets/address.js";
import { bindSocket } from "../../../src/linux/sockets/bind.js";
import { loopback } from "../../support/http-load.js";
import { PYTHON } from "../../support/native.js";
import { TestProcess } from "../../support/test-process.js";

const opened: number[] = [];
let other: TestProcess | undefined;
afterEach(async () => {
  for (const fd of opened.splice(0)) closeSync(fd);
  other?.signal("SIGKILL");
  await other?.ended;
});

const { host } = loopback();

test.each([
  [host, 8080, `${host}:8080`],
  ["::1", randomInt(10_000, 30_000), "[::1]:PORT"],
])("one on %s is found, with who holds it; another port's isn't", async (address, port, text) => {
  const named = text.replace("PORT", String(port));
  for (let count = 0; count < 2; count++) opened.push(bindSocket(parseListen("stream", named), { reusePort: true }));
  expect(foreignSockets(process.pid)).toEqual([]);
  const program = `import signal, socket
sockets = []
for port in (${port}, ${port + 1}):
    s = socket.socket(socket.AF_INET6 if ":" in "${address}" else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("${address}", port))
    s.listen()
    sockets.append(s)
print("listening", flush=True)
signal.pause()`;
  other = new TestProcess(PYTHON, ["-IS", "-c", program], {});
  await other.output.next(/listening/);
  expect(foreignSockets(process.pid)).toEqual([
    { address: `stream ${named}`, holders: [{ pid: other.pid, name: "python3" }] },
  ]);
});

test("of a process that isn't there nothing is told", () => {
  expect(foreignSockets(2 ** 22 + 1)).toEqual([]);
});
