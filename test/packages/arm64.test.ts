// The binaries for arm64, emulated by qemu: the addon in the Node for arm64 that npm serves.

import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { TestCommand } from "../support/command.js";
import { ROOT, temporaryDirectory } from "../support/supervisor.js";

const EMULATED = ["-L", "/usr/aarch64-linux-gnu"];
const NODE = `${ROOT}build/node/20.20.2-arm64/bin/node`;

test("passes messages with descriptors, tells who sends, and says what fails", () => {
  const program = `
    const native = require("${ROOT}dist/zerodown-arm64.node");
    const name = "@zerodown-arm64-" + process.pid;
    const there = native.bindUnix(2, name);
    native.passCredentials(there);
    const [read, write] = native.pipe();
    native.send(native.connectUnix(2, name), "READY=1", [write]);
    const { data, fds, pid, truncated } = native.receive(there);
    let code;
    try { native.connectUnix(1, "/nowhere"); } catch (error) { code = error.code; }
    console.log(JSON.stringify({
      arch: process.arch, data: data.toString(), fds: fds.length, isOwn: pid === process.pid, truncated, code,
      same: native.describeFile(fds[0]).type, socket: native.describeSocket(there),
    }));
    native.closeAside(read);`;
  const output = execFileSync("qemu-aarch64-static", [...EMULATED, NODE, "--eval", program]);
  expect(JSON.parse(output.toString())).toMatchObject({
    ...{ arch: "arm64", data: "READY=1", fds: 1, isOwn: true, truncated: false, code: "ENOENT", same: "fifo" },
    socket: { family: "unix", type: "datagram", listening: false, connected: false },
  });
});

test.each([
  ["done", '{"parameters":{"generations":[]}}', 0, ""],
  ["no supervisor's", "[]", 69, ": the supervisor's reply broke off: not a JSON object\n"],
])("asks for a reload in ExecReload=, and tells an answer that is %s", async (_, reply, status, says) => {
  const place = temporaryDirectory();
  const directory = `${place.path}/zerodown-${process.pid}`;
  mkdirSync(directory);
  const held = openSync(directory, "r");
  const server = createServer(client => client.once("data", () => client.end(`${reply}\0`)));
  await new Promise<void>(resolve => server.listen(`${directory}/control`, resolve));
  const env = { ...process.env, MAINPID: String(process.pid) };
  const command = new TestCommand("qemu-aarch64-static", [...EMULATED, `${ROOT}dist/zerodown-reload-arm64`], { env });
  expect(await command.ended).toEqual({
    status,
    stdout: "",
    stderr: says && `zerodown: ${directory}/control${says}`,
  });
  server.close();
  closeSync(held);
  place.remove();
});
