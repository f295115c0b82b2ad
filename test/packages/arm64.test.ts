// The addon for arm64, in the Node for arm64 that npm serves, emulated by qemu.

import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { ROOT } from "../support/supervisor.js";

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
  const output = execFileSync("qemu-aarch64-static", ["-L", "/usr/aarch64-linux-gnu", NODE, "--eval", program]);
  expect(JSON.parse(output.toString())).toMatchObject({
    ...{ arch: "arm64", data: "READY=1", fds: 1, isOwn: true, truncated: false, code: "ENOENT", same: "fifo" },
    socket: { family: "unix", type: "datagram", listening: false, connected: false },
  });
});
