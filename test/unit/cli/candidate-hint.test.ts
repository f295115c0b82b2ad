// zerodown reload makes a hint of a candidate's last lines.

import { expect, test } from "@jest/globals";
import { addressHint } from "../../../src/cli/reload/candidate-hint.js";

const SOCKETS = ["stream [::]:8000", "stream /run/app.sock", "datagram 127.0.0.1:53"].map((address, index) => ({
  fd: 3 + index,
  name: "",
  address,
}));

test.each([
  ["Error: listen EADDRINUSE: address already in use :::8000", "[::]:8000", 3],
  ["[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use", "[::]:8000", 3],
  ["[ERROR] Connection in use: ('127.0.0.1', 8000)", "[::]:8000", 3],
  ["listen tcp :8000: bind: address already in use", "[::]:8000", 3],
  ["Error: listen EADDRINUSE: address already in use /run/app.sock", "/run/app.sock", 4],
  ["bind EADDRINUSE 127.0.0.1:53", "127.0.0.1:53", 5],
])("%s", (line, address, fd) => {
  expect(addressHint(["before", line, "after"], SOCKETS)).toEqual([
    `${address} is held by zerodown, for each generation: the app must take descriptor ${fd} ($LISTEN_FDS) in place of binding it`,
  ]);
});

test("the end of Node's report, of which the beginning is cut off", () => {
  const lines = ["  code: 'EADDRINUSE',", "  errno: -98,", "  address: '::',", "  port: 8000", "}"];
  expect(addressHint(lines, SOCKETS)).toHaveLength(1);
  expect(addressHint(lines, SOCKETS.slice(1))).toEqual([]);
});

test.each([
  "Error: listen EADDRINUSE: address already in use :::80000",
  "Error: listen EADDRINUSE: address already in use :::18000",
  "OSError: [Errno 98] Address already in use",
  "connected to port 8000",
])("%s: nothing of ours", line => {
  expect(addressHint([line], SOCKETS)).toEqual([]);
});
