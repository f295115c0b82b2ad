// The targets of fuzzing are everything that reads text which others wrote. Each target throws where a promise is broken.

import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { statusFacts } from "../../src/cli/status/facts.js";
import { formatStatus } from "../../src/cli/status/text.js";
import { checkReload, checkStatus } from "../../src/control/check-reply.js";
import { CALL_BYTES, Decoder, encode, REPLY_BYTES } from "../../src/control/varlink.js";
import { parseListen } from "../../src/linux/sockets/address.js";
import { parseNotifyMessage } from "../../src/systemd/as-manager/notify-message.js";
import { ListenFdsError, listenFds } from "../../src/systemd/as-service/listen-fds.js";
import { watchdogTimeout } from "../../src/systemd/as-service/watchdog.js";
import { parseEnvFile } from "../../src/systemd/formats/env-file.js";
import { isFdName } from "../../src/systemd/formats/fd-name.js";
import { formatTimeSpan, parseTimeSpan } from "../../src/systemd/formats/time-span.js";
import { commandLine, plainValue } from "../../src/systemd/formats/unit-files.js";

export interface Target {
  readonly name: string;
  /** The files below src/ whose branches are to be reached. */
  readonly files: readonly string[];
  /** Words that the target takes. */
  readonly words: readonly string[];
  readonly run: (data: Buffer) => void;
}

/** Returns what the call returns; undefined when it throws an allowed error. */
function attempt<T>(call: () => T, ...allowed: (new (...args: never[]) => Error)[]): T | undefined {
  try {
    return call();
  } catch (error) {
    if (allowed.some(type => error instanceof type)) return undefined;
    throw error;
  }
}

const CONTROL = /[\x00-\x1f\x7f]/;

function notifyMessage(data: Buffer): void {
  const message = parseNotifyMessage(data);
  const body = data.at(-1) === 0 ? data.subarray(0, -1) : data;
  const isWhole = !body.includes(0) && !/(?:^|[^\\])(?:\\\\)*\\$/.test(body.toString("latin1"));
  assert.equal(message !== null, isWhole);
  if (!message) return;
  const { status = "", reported = "", problem = "", unheeded = [], extend = 0, watchdogTimeout = 0 } = message;
  for (const text of [status, reported, problem, ...unheeded]) {
    assert.doesNotMatch(text, CONTROL);
    assert.ok(text.length <= 1024);
  }
  assert.ok(Number.isSafeInteger(extend) && extend >= 0);
  assert.ok(watchdogTimeout === Number.POSITIVE_INFINITY || Number.isSafeInteger(watchdogTimeout));
  for (const name of [message.store?.name, message.remove]) assert.ok(name === undefined || isFdName(name));
}

/** The first byte says where the stream is cut in two: that must make no difference. */
function varlink(data: Buffer): void {
  const [cut = 0, stream] = [data[0], data.subarray(1)];
  const take = (...parts: Buffer[]) => {
    const decoder = new Decoder(CALL_BYTES);
    return attempt(() => parts.flatMap(part => decoder.take(part)), SyntaxError, RangeError);
  };
  const messages = take(stream);
  assert.deepEqual(take(stream.subarray(0, cut), stream.subarray(cut)), messages);
  if (!messages) return;
  for (const message of messages) assert.deepEqual(take(Buffer.from(encode(message as never))), [message]);
}

function reply(data: Buffer): void {
  const [message] =
    attempt(() => new Decoder(REPLY_BYTES).take(Buffer.concat([data, Buffer.of(0)])), SyntaxError, RangeError) ?? [];
  if (message === undefined) return;
  checkReload(message as never);
  const status = checkStatus(message as never);
  if (!status) return;
  const lines = formatStatus(statusFacts(status, null), { width: 80, paint: text => text });
  for (const line of lines) assert.doesNotMatch(line, CONTROL);
}

function envFile(data: Buffer): void {
  const variables = parseEnvFile(data.toString());
  const again = Object.entries(variables).map(([name, value]) => {
    assert.match(name, /^[A-Za-z_]\w*$/);
    return `${name}="${value.replace(/["\\`$]/g, "\\$&")}"\n`;
  });
  assert.deepEqual(parseEnvFile(again.join("")), variables);
}

function timeSpan(data: Buffer): void {
  const time = attempt(() => parseTimeSpan(data.toString()), RangeError);
  if (time === undefined) return;
  assert.ok(time === Number.POSITIVE_INFINITY || (Number.isInteger(time) && time >= 0 && time <= 2 ** 64));
  // A time span that is written for people is rounded.
  const again = parseTimeSpan(formatTimeSpan(time));
  assert.ok(again === time || Math.abs(again - time) <= time / 2, `${time} µs is written as ${again} µs`);
}

function address(data: Buffer): void {
  const listen = attempt(() => parseListen("stream", data.toString()), RangeError);
  if (!listen) return;
  const { name, address } = listen;
  assert.ok(name === undefined || (name !== "" && isFdName(name)));
  if (address.family === "unix") return assert.match(address.name, /^[/@][^\0]+$/);
  assert.ok((address.family === "inet" ? isIPv4 : isIPv6)(address.host), address.host);
  assert.ok(Number.isInteger(address.port) && address.port >= 0 && address.port <= 65535);
}

/** The lines are LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PIDFDID, WATCHDOG_USEC and WATCHDOG_PID. */
function environment(data: Buffer): void {
  const [LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PIDFDID, WATCHDOG_USEC, WATCHDOG_PID] = data.toString().split("\n");
  const received = { LISTEN_PID: String(process.pid), LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PIDFDID };
  const passed = attempt(() => listenFds(received, () => {}), ListenFdsError) ?? [];
  passed.forEach(({ fd }, index) => void assert.equal(fd, 3 + index));
  const timeout = attempt(() => watchdogTimeout({ WATCHDOG_USEC, WATCHDOG_PID }, 1), RangeError) ?? 0;
  assert.ok(timeout >= 0 && timeout < 2 ** 64);
}

/** A line of a unit file stays one line, which systemd reads as text. */
function unitFile(data: Buffer): void {
  const words = data.toString().split("\n");
  for (const text of [
    attempt(() => commandLine(words), RangeError),
    attempt(() => plainValue(words[0]!), RangeError),
  ]) {
    if (text === undefined) continue;
    assert.doesNotMatch(text, CONTROL);
    assert.doesNotMatch(text, /\\$|^\s|(?<!%)%(?:%%)*(?!%)/);
  }
}

export const TARGETS: readonly Target[] = [
  {
    name: "notify-message",
    files: ["systemd/notify-message", "systemd/fd-name"],
    words: [
      ...[
        "READY=1",
        "STOPPING=1",
        "STATUS=",
        "EXTEND_TIMEOUT_USEC=",
        "ERRNO=",
        "EXIT_STATUS=",
        "BUSERROR=",
        "VARLINKERROR=",
      ],
      ...[
        "WATCHDOG=1",
        "WATCHDOG=trigger",
        "WATCHDOG_USEC=",
        "FDSTORE=1",
        "FDSTOREREMOVE=1",
        "FDNAME=",
        "FDPOLL=0",
        "\n",
      ],
      ...["MAINPID=1", "RELOADING=1", "18446744073709551615", "9007199254740993"],
    ],
    run: notifyMessage,
  },
  {
    name: "varlink",
    files: ["control/varlink"],
    words: ['{"method":"a.b"}', '"parameters":{}', "\0", "{}", "[]", "null", "1e999", '"__proto__":'],
    run: varlink,
  },
  {
    name: "reply",
    files: ["control/check-reply", "cli/status-text", "cli/status-facts", "cli/text-width"],
    words: [
      ...[
        '"version":',
        '"pid":',
        '"now":',
        '"status":',
        '"generations":[',
        '"sockets":[',
        '"number":',
        '"state":"ended"',
      ],
      ...[
        '"startedAt":',
        '"endedAt":',
        '"end":',
        '"cgroup":',
        '"fd":',
        '"name":',
        '"address":',
        '"stored":',
        '"generation":',
      ],
      ...[
        "{",
        "}",
        "[",
        "]",
        ",",
        "null",
        "true",
        "1",
        "-1",
        "1e300",
        '"/a"',
        '"serving"',
        '"draining"',
        '"\\u001b[31m"',
      ],
    ],
    run: reply,
  },
  {
    name: "env-file",
    files: ["systemd/env-file"],
    words: ["A=", "\\\n", '"', "'", "#", ";", "\r", "\\"],
    run: envFile,
  },
  {
    name: "time-span",
    files: ["systemd/time-span"],
    words: [..."us ms s min h d w M y infinity".split(" "), "1.5", " ", "18446744073709551615"],
    run: timeSpan,
  },
  {
    name: "address",
    files: ["sockets/address"],
    words: ["[::1]:", "127.0.0.1:", "8080", "/run/a", "@", "name=", "%eth0", "::ffff:1.2.3.4", "]", "fe80::"],
    run: address,
  },
  {
    name: "environment",
    files: ["systemd/listen-fds", "systemd/watchdog"],
    words: ["\n", ":", "0", "1", "2147483647", "18446744073709551615", "a:b"],
    run: environment,
  },
  {
    name: "unit-file",
    files: ["systemd/unit-files"],
    words: ["/bin/a", "\n", "%", "$", "\\", '"', "'", ";", " ", "\t", "\x7f"],
    run: unitFile,
  },
];
