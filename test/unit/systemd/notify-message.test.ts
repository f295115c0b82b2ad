import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseNotifyMessage } from "../../../src/systemd/as-manager/notify-message.js";

const parse = (text: string) => parseNotifyMessage(Buffer.from(text));

describe("a datagram says", () => {
  test.each([
    ["READY=1", { ready: true }],
    ["READY=1\n", { ready: true }],
    ["READY=1\0", { ready: true }],
    ["READY=0", {}],
    ["READY=", {}],
    ["READY", {}],
    ["ready=1", {}],
    ["=READY=1", {}],
    ["STOPPING=1", { stopping: true }],
    ["STOPPING=yes", {}],
    ["STATUS=12 clients, é=1", { status: "12 clients, é=1" }],
    ["STATUS=", { status: "" }],
    ["STATUS=a\tb\x1b[1m\x7f", { status: "a b [1m " }],
    ["STATUS=this\nSTATUS=that", { status: "this" }],
    ["EXTEND_TIMEOUT_USEC=5000000", { extend: 5e6 }],
    ["EXTEND_TIMEOUT_USEC=18446744073709551615", { extend: Number.MAX_SAFE_INTEGER }],
    ["EXTEND_TIMEOUT_USEC=18446744073709551616", {}],
    ["EXTEND_TIMEOUT_USEC= +0x10", { extend: 16 }],
    ["EXTEND_TIMEOUT_USEC=010", { extend: 8 }],
    ["EXTEND_TIMEOUT_USEC=0", { extend: 0 }],
    ["EXTEND_TIMEOUT_USEC=08", {}],
    ["EXTEND_TIMEOUT_USEC=-1", {}],
    ["EXTEND_TIMEOUT_USEC=5s", {}],
    ["EXTEND_TIMEOUT_USEC=", {}],
    ["ERRNO=2", { reported: "it reported ERRNO=2, ENOENT" }],
    ["ERRNO=0", {}],
    ["ERRNO=-2", {}],
    ["ERRNO=12345", {}],
    ["ERRNO=ENOENT", { reported: "it reported ERRNO=2, ENOENT" }],
    ["ERRNO=toString", {}],
    ["EXIT_STATUS=3", { reported: "it reported EXIT_STATUS=3" }],
    ["EXIT_STATUS=-3", {}],
    ["EXIT_STATUS=1234", {}],
    [
      "BUSERROR=org.freedesktop.DBus.Error.TimedOut",
      { reported: "it reported BUSERROR=org.freedesktop.DBus.Error.TimedOut" },
    ],
    ["VARLINKERROR=io.example.Busy", { reported: "it reported VARLINKERROR=io.example.Busy" }],
    ["ERRNO=2\nEXIT_STATUS=3\nVARLINKERROR=a b", { reported: "it reported ERRNO=2, ENOENT, EXIT_STATUS=3" }],
    ["WATCHDOG=1", { watchdog: "ping" }],
    ["WATCHDOG=trigger", { watchdog: "trigger" }],
    ["WATCHDOG=0", {}],
    ["WATCHDOG=0\nWATCHDOG=1", {}],
    ["WATCHDOG_USEC=250000", { watchdogTimeout: 250_000 }],
    ["WATCHDOG_USEC=18446744073709551615", { watchdogTimeout: Number.POSITIVE_INFINITY }],
    ["WATCHDOG_USEC=5s", {}],
    ["FDSTORE=1", { store: { name: "stored", poll: true } }],
    ["FDSTORE=1\nFDNAME=a b\nFDPOLL=0", { store: { name: "a b", poll: false } }],
    ["FDSTORE=1\nFDNAME=", { store: { name: "", poll: true } }],
    ["FDSTORE=0\nFDNAME=a", {}],
    ["FDNAME=a\nFDSTOREREMOVE=1", { remove: "a" }],
    ["FDSTORE=1\nFDSTOREREMOVE=1\nFDNAME=a", { remove: "a" }],
    ["MAINPID=1\nNOTIFYACCESS=all\nRELOADING=1", { unheeded: ["MAINPID=1", "NOTIFYACCESS=all", "RELOADING=1"] }],
    ["READY=1\nSTATUS=up\nX_MINE=1\n\nEXTEND_TIMEOUT_USEC=1", { ready: true, status: "up", extend: 1 }],
    ["READY=1\r\n", { ready: true }],
    ["READY=1\r\nSTATUS=up\r\n", { ready: true, status: "up" }],
    ["READY=1\nSTOPPING=1", { stopping: true }],
    ["STOPPING=1\nREADY=1", { stopping: true }],
    ["READY=1\nRELOADING=1", { ready: true, unheeded: ["RELOADING=1"] }],
    ["STATUS=a\\\\b\nREADY=1", { ready: true, status: "a\\b" }],
    ["STATUS=a\\\nREADY=1", { status: "a READY=1" }],
    ["FDSTORE=1\nFDNAME=a\\\\b", { store: { name: "a\\b", poll: true } }],
    ["", {}],
    ["garbage", {}],
  ])("%j", (text, message) => {
    expect(parse(text)).toEqual(message);
  });
});

describe("a name that is none", () => {
  const RULE = `isn't a name (up to 255 ASCII characters, no ":" and no control characters)`;
  test.each([
    ["a:b", "a:b"],
    ["a\tb", "a b"],
    ["é", "é"],
    ["x".repeat(256), "x".repeat(256)],
  ])("%j is told, and replaced where something is stored", (name, shown) => {
    expect(parse(`FDSTORE=1\nFDNAME=${name}`)).toEqual({
      store: { name: "stored", poll: true },
      problem: `FDNAME=${shown} ${RULE}, "stored" is used`,
    });
    expect(parse(`FDSTOREREMOVE=1\nFDNAME=${name}`)).toEqual({
      problem: `FDSTOREREMOVE=1 removes nothing: FDNAME=${shown} ${RULE}`,
    });
  });

  test("none at all removes nothing", () => {
    expect(parse("FDSTOREREMOVE=1")).toEqual({ problem: "FDSTOREREMOVE=1 removes nothing: it lacks an FDNAME=" });
  });
});

test("an errno without a name is shown as a number", () => {
  expect(parse("ERRNO=4000")!.reported).toMatch(/^it reported ERRNO=4000, .*4000/);
});

test("of a long STATUS= as much is kept as fits, with ours around it, into a message to systemd", () => {
  const { status } = parse(`STATUS=${"\u20ac".repeat(1300)}`)!;
  expect(status).toBe("\u20ac".repeat(1024));
  expect(Buffer.byteLength(status!)).toBeLessThan(4096 - 512);
});

test.each([
  ["NUL bytes inside", Buffer.from("READY=1\0STATUS=x")],
  ["two NUL bytes at the end", Buffer.from("READY=1\0\0")],
  ["a single backslash at the end", Buffer.from("READY=1\nSTATUS=a\\")],
  ["three of them, and a NUL byte", Buffer.from("READY=1\nSTATUS=a\\\\\\\0")],
])("is malformed: %s", (_, data) => {
  expect(parseNotifyMessage(data)).toBeNull();
});

test.each([
  ["isn't UTF-8", [0xff, 0xfe]],
  ["is cut UTF-8", [0xc3]],
  ["has a noncharacter in it", [0xef, 0xbf, 0xbe]],
])("a STATUS= that %s is none, is told of, and costs no other assignment", (_, bytes) => {
  const data = Buffer.concat([Buffer.from("STATUS="), Buffer.from(bytes), Buffer.from("\nREADY=1\nSTATUS=b")]);
  expect(parseNotifyMessage(data)).toEqual({ ready: true, status: "", problem: "STATUS= isn't UTF-8: it is ignored" });
});

test("a byte order mark is text, as for systemd, and so what follows it isn't READY=1", () => {
  expect(parseNotifyMessage(Buffer.from("\ufeffREADY=1"))).toEqual({});
});

test("random bytes and random assignments never throw, and what they say is well-formed", () => {
  const assignment = fc
    .tuple(
      fc.constantFrom("READY", "STATUS", "EXTEND_TIMEOUT_USEC", "ERRNO", "EXIT_STATUS", "STOPPING"),
      fc.oneof(fc.string({ unit: "binary" }), fc.nat().map(String)),
    )
    .map(pair => pair.join("="));
  const datagram = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
    fc.array(assignment).map(lines => Buffer.from(lines.join("\n"))),
  );
  fc.assert(
    fc.property(datagram, data => {
      const { extend = 0, status = "", reported = "", problem: _, ...rest } = parseNotifyMessage(data) ?? {};
      expect(extend >= 0 && Number.isSafeInteger(extend)).toBe(true);
      expect(`${status}${reported}`).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
      expect(Object.values(rest).every(value => value === true)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
