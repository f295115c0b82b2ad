// The environment's copy that init() makes, and the launcher of the command makes likewise.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { receivedEnvironment, setAside } from "../../../src/launcher/received.js";

/** A character for each byte. */
const bytes = fc.uint8Array({ min: 1, maxLength: 20 }).map(data => Buffer.from(data).toString("latin1"));
const name = fc.oneof(bytes, fc.constantFrom("NODE_DEBUG", "__proto__", "foo.bar", "ZERODOWN_ENVIRONMENT_1", "1"));

test("what is put aside comes back byte by byte", () => {
  const environments = fc.dictionary(
    name.filter(text => text !== "" && !text.includes("=")),
    bytes,
  );
  fc.assert(
    fc.property(environments, received => {
      expect(Object.entries(receivedEnvironment({ ...setAside(received) })).sort()).toEqual(
        Object.entries(received).sort(),
      );
    }),
  );
});

test("no piece is longer than one variable may be", () => {
  const received = { A: "x".repeat(131_000), B: "y".repeat(131_000) };
  const aside = setAside(received);
  expect(Math.max(...Object.entries(aside).map(([name, value]) => `${name}=${value}`.length))).toBeLessThan(131_072);
  expect(receivedEnvironment({ ...aside })).toEqual(received);
});

test("what is meant for the app's Node is in the copy alone", () => {
  const received = { NODE_DEBUG: "timer", OPENSSL_CONF: "/x", UV_USE_IO_URING: "1", HOME: "/y", NODENAME: "z" };
  const aside = setAside(received);
  expect(Object.keys(aside)).toEqual(["HOME", "NODENAME", "ZERODOWN_ENVIRONMENT", "ZERODOWN_ENVIRONMENT_1"]);
  expect(receivedEnvironment({ ...aside })).toEqual(received);
});
