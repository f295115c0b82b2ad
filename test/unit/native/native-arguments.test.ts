// Wrong arguments end in a TypeError, never in a crash, and leave nothing behind.

import { describe, expect, test } from "@jest/globals";
import { native, SOCK_STREAM } from "../../../src/native/index.js";
import { leftovers, thrown } from "../../support/native.js";

const GOOD_SPAWN = {
  paths: ["/usr/bin/true"],
  argv: ["true"],
  environment: ["A=1"],
  pidVariables: ["PID"],
  directory: "/",
  fds: [0],
  copies: [],
  deathSignal: 9,
  ignoredSignal: 0,
  fileLimit: -1,
  cgroup: "",
};

/** These functions take none. */
const WITHOUT = ["pipe", "socketPair", "trim", "bootTime", "holdSignals", "releaseSignals", "closeOnExec", "isClosing"];

const NOT_INTEGERS = ["1", null, undefined, {}, [], 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, -1e300, 1n];
const NOT_STRINGS = [1, null, undefined, {}, ["x"], Symbol("x"), "NUL\0byte"];
const NOT_ARRAYS = [1, null, undefined, {}, "x", { length: 1, 0: "x" }];
const NOT_FUNCTIONS = [1, null, undefined, {}, "x", Symbol("x")];
const NOT_BOOLEANS = [1, null, undefined, {}, "true"];

type Call = readonly [name: string, call: (value: never) => unknown];

const INTEGERS: Call[] = [
  ["reap", native.reap],
  ["pidfdId", native.pidfdId],
  ["describeSocket", native.describeSocket],
  ["reusePort", native.reusePort],
  ["waiting", native.waiting],
  ["readable", native.readable],
  ["writable", native.writable],
  ["accept", native.accept],
  ["passCredentials", native.passCredentials],
  ["receive", native.receive],
  ["send: the descriptor", (value: number) => native.send(value, "", [])],
  ["send: a descriptor to pass", (value: number) => native.send(0, "", [0, value])],
  ["watch", (value: number) => native.watch(value, false, () => {})],
  ["bindUnix", (value: number) => native.bindUnix(value, "@x")],
  ["connectUnix", (value: number) => native.connectUnix(value, "@x")],
  ["bindInet: the type", (value: number) => native.bindInet(value, 2, "127.0.0.1", "", 0, false)],
  ["bindInet: the family", (value: number) => native.bindInet(1, value, "127.0.0.1", "", 0, false)],
  ["bindInet: the port", (value: number) => native.bindInet(1, 2, "127.0.0.1", "", value, false)],
  ["duplicate", native.duplicate],
  ["isNonBlocking", native.isNonBlocking],
  ["setNonBlocking: the descriptor", (value: number) => native.setNonBlocking(value, true)],
  ["alarm", native.alarm],
  ["closeAside", native.closeAside],
  ["lock", native.lock],
  ["sameFile: the one", (value: number) => native.sameFile(value, 0)],
  ["sameFile: the other", (value: number) => native.sameFile(0, value)],
  ["spawn: a descriptor", (value: number) => native.spawn({ ...GOOD_SPAWN, fds: [0, value] })],
  ["spawn: a copy", (value: number) => native.spawn({ ...GOOD_SPAWN, copies: [0, value] })],
  ["spawn: deathSignal", (value: number) => native.spawn({ ...GOOD_SPAWN, deathSignal: value })],
  ["spawn: ignoredSignal", (value: number) => native.spawn({ ...GOOD_SPAWN, ignoredSignal: value })],
  ["spawn: fileLimit", (value: number) => native.spawn({ ...GOOD_SPAWN, fileLimit: value })],
];

/** A character for each byte. */
const BYTES: Call[] = [
  ["spawn: directory", (value: string) => native.spawn({ ...GOOD_SPAWN, directory: value })],
  ["spawn: a path", (value: string) => native.spawn({ ...GOOD_SPAWN, paths: ["a", value] })],
  ["spawn: an argument", (value: string) => native.spawn({ ...GOOD_SPAWN, argv: ["a", value] })],
  ["spawn: a variable", (value: string) => native.spawn({ ...GOOD_SPAWN, environment: ["a=b", value] })],
  ["spawn: a pid variable", (value: string) => native.spawn({ ...GOOD_SPAWN, pidVariables: ["a", value] })],
];

const STRINGS: Call[] = [
  ["send", (value: string) => native.send(0, value, [])],
  ["bindUnix", (value: string) => native.bindUnix(SOCK_STREAM, value)],
  ["connectUnix", (value: string) => native.connectUnix(SOCK_STREAM, value)],
  ["bindInet: the host", (value: string) => native.bindInet(1, 2, value, "", 0, false)],
  ["bindInet: the interface", (value: string) => native.bindInet(1, 2, "127.0.0.1", value, 0, false)],
  ["xattr: the path", (value: string) => native.xattr(value, "user.x")],
  ["xattr: the name", (value: string) => native.xattr("/", value)],
  ["spawn: cgroup", (value: string) => native.spawn({ ...GOOD_SPAWN, cgroup: value })],
  ...BYTES,
];

const ARRAYS: Call[] = [
  ["send", (value: number[]) => native.send(0, "", value)],
  ["spawn: paths", (value: string[]) => native.spawn({ ...GOOD_SPAWN, paths: value })],
  ["spawn: argv", (value: string[]) => native.spawn({ ...GOOD_SPAWN, argv: value })],
  ["spawn: environment", (value: string[]) => native.spawn({ ...GOOD_SPAWN, environment: value })],
  ["spawn: pidVariables", (value: string[]) => native.spawn({ ...GOOD_SPAWN, pidVariables: value })],
  ["spawn: fds", (value: number[]) => native.spawn({ ...GOOD_SPAWN, fds: value })],
  ["spawn: copies", (value: number[]) => native.spawn({ ...GOOD_SPAWN, copies: value })],
];

const OTHERS: [string, (value: never) => unknown, unknown[]][] = [
  ["watch: the callback", (value: () => void) => native.watch(0, false, value), NOT_FUNCTIONS],
  ["setNonBlocking", (value: boolean) => native.setNonBlocking(0, value), NOT_BOOLEANS],
  ["bindInet: whether to share", (value: boolean) => native.bindInet(1, 2, "127.0.0.1", "", 0, value), NOT_BOOLEANS],
  ["watch: whether to write", (value: boolean) => native.watch(0, value, () => {}), NOT_BOOLEANS],
];

/** Each value again and again: what is freed twice or not at all shows. */
function refusesAll(call: (value: never) => unknown, values: readonly unknown[]): void {
  const left = leftovers();
  for (const value of values) {
    for (let count = 0; count < 20; count++) {
      expect(thrown(() => call(value as never))).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
    }
  }
  expect(left()).toEqual({ fds: [], children: [] });
}

describe("a TypeError refuses what isn't an integer", () => {
  test.each(INTEGERS)("%s", (_, call) => refusesAll(call, NOT_INTEGERS));
});

describe("a TypeError refuses what isn't a string, or has NUL bytes", () => {
  test.each(STRINGS)("%s", (_, call) => refusesAll(call, NOT_STRINGS));
});

describe("a TypeError refuses what is more than a byte", () => {
  test.each(BYTES)("%s", (_, call) => refusesAll(call, ["\u0100", "\ufffd", "a😀"]));
});

describe("a TypeError refuses what isn't an array", () => {
  test.each(ARRAYS)("%s", (_, call) => refusesAll(call, NOT_ARRAYS));
});

test("a TypeError refuses a copy of nothing", () => {
  refusesAll(copies => native.spawn({ ...GOOD_SPAWN, copies }), [[0], [0, 5, 0], [1, 5], [-1, 5]]);
});

describe("a TypeError refuses what is of another type", () => {
  test.each(OTHERS)("%s", (_, call, values) => refusesAll(call, values));
});

test("a TypeError refuses a call with arguments missing", () => {
  const functions = Object.entries(native).filter(([name]) => !WITHOUT.includes(name));
  expect(functions.length).toBeGreaterThan(10);
  for (const [, call] of functions) {
    expect(thrown(call as () => unknown)).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
  }
});

test("a TypeError refuses options that are none", () => {
  for (const value of [1, null, undefined, "x", {}, []]) {
    expect(thrown(() => native.spawn(value as never))).toMatchObject({ name: "TypeError" });
  }
});

test("an error that a getter throws comes through as it is", () => {
  for (const name of Object.keys(GOOD_SPAWN)) {
    const options = Object.defineProperty({ ...GOOD_SPAWN }, name, {
      get() {
        throw new RangeError("from the getter");
      },
    });
    expect(() => native.spawn(options)).toThrow("from the getter");
  }
});

test("text that isn't valid Unicode is sent as something, not refused and not overrun", () => {
  expect(thrown(() => native.bindUnix(SOCK_STREAM, "/nowhere/\ud800"))).toMatchObject({ path: "/nowhere/\ufffd" });
});
