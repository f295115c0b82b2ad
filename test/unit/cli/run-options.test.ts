// The options of `zerodown run`, and what is said when one is wrong.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CommandError, UsageError } from "../../../src/cli/options.js";
import { parseRunOptions } from "../../../src/cli/run/options.js";

const COMMAND = ["--", "node", "server.js"];

function failure(...args: string[]): UsageError {
  try {
    parseRunOptions(args);
  } catch (error) {
    return error as UsageError;
  }
  throw new Error("no error");
}

test("without options the defaults hold", () => {
  expect(parseRunOptions(COMMAND)).toEqual({
    command: ["node", "server.js"],
    listen: [],
    ready: "notify",
    readyDelay: 0,
    startTimeout: 600e6,
    stopTimeout: 90e6,
    settle: 0,
    stopSignal: "SIGINT",
    stopOn: ["SIGTERM", "SIGINT", "SIGQUIT"],
    reloadSignals: ["SIGHUP"],
    passSignals: [],
    onCrash: "restart",
    killStrays: "own",
    envFile: undefined,
    workingDirectory: undefined,
  });
});

test.each([
  [["--ready", "exec"], { ready: "exec", readyDelay: 0 }],
  [["--ready=fd"], { ready: "fd" }],
  [["--ready", "delay:1.5s"], { ready: "delay", readyDelay: 1.5e6 }],
  [["--start-timeout", "1h 30min"], { startTimeout: 5400e6 }],
  [["--stop-timeout", "infinity"], { stopTimeout: Number.POSITIVE_INFINITY }],
  [["--settle", "250ms"], { settle: 250e3 }],
  [["--settle", "1", "--settle", "2"], { settle: 2e6 }],
  [["--stop-signal", "TERM"], { stopSignal: "SIGTERM" }],
  [["--stop-signal", "sigquit"], { stopSignal: "SIGQUIT" }],
  [["--reload-signal", "USR1", "--reload-signal", "SIGHUP"], { reloadSignals: ["SIGUSR1", "SIGHUP"] }],
  [["--pass-signal", "USR2", "--pass-signal", "WINCH"], { passSignals: ["SIGUSR2", "SIGWINCH"] }],
  [["--on-crash", "exit"], { onCrash: "exit" }],
  [["--kill-strays", "none"], { killStrays: "none" }],
  [["--env-file", "/etc/app.env"], { envFile: "/etc/app.env" }],
  [["--working-directory", "/srv/current"], { workingDirectory: "/srv/current" }],
])("%j", (args, options) => {
  expect(parseRunOptions([...args, ...COMMAND])).toMatchObject(options);
});

describe("sockets", () => {
  test("keep the order in which they are given, whatever their types", () => {
    const args = [
      "--listen",
      "80",
      "--listen-datagram=log=/run/log",
      "--listen-seqpacket",
      "@seq",
      "--listen",
      "web=81",
    ];
    expect(parseRunOptions([...args, ...COMMAND])!.listen.map(({ type, name, text }) => [type, name, text])).toEqual([
      ["stream", undefined, "80"],
      ["datagram", "log", "/run/log"],
      ["seqpacket", undefined, "@seq"],
      ["stream", "web", "81"],
    ]);
  });
});

describe("the command", () => {
  test.each([
    [["--", "app"], ["app"]],
    [
      ["--", "app", "--listen", "x", "-h"],
      ["app", "--listen", "x", "-h"],
    ],
    [
      ["--", "app", "--", "b"],
      ["app", "--", "b"],
    ],
    [["--listen", "80", "--", "--app"], ["--app"]],
    [
      ["--", "app", ""],
      ["app", ""],
    ],
  ])("is all that comes after the first --, untouched: %j", (args, command) => {
    expect(parseRunOptions(args)!.command).toEqual(command);
  });

  test.each([[[]], [["--"]], [["--", ""]], [["--listen", "80"]]])("is missing: %j", args => {
    expect(failure(...args).message).toMatch(/^no command: it comes after --/);
  });

  test.each([[["node", "server.js"]], [["node", "--", "server.js"]], [["--settle", "1", "node", "--", "x"]]])(
    "stands before --: %j",
    args => {
      expect(failure(...args).message).toMatch(/^"node" is not expected: the command comes after --/);
    },
  );
});

test.each([[["--help"]], [["-h"]], [["--listen", "80", "--help"]], [["--help", "--", "app"]]])(
  "%j asks for help",
  args => {
    expect(parseRunOptions(args)).toBeNull();
  },
);

test("--help in the command is the command's", () => {
  expect(parseRunOptions(["--", "app", "--help"])).not.toBeNull();
});

const TIME_ERROR = "is no time span (90, 90s, 5min, 1h 30min, infinity)";
const SIGNAL_ERROR = "is no signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)";
const ADDRESS_ERROR = "is no address (8080, 127.0.0.1:8080, [::1]:8080, /run/a.sock, @name)";

describe("what is wrong with an option is one line that names it and the value, and exit status 64:", () => {
  test.each([
    [["--start-timeout", "soon"], `--start-timeout: "soon" ${TIME_ERROR}`],
    [["--stop-timeout=-5"], `--stop-timeout: "-5" ${TIME_ERROR}`],
    [["--stop-timeout", "x\ny"], `--stop-timeout: "x y" ${TIME_ERROR}`],
    [["--settle", ""], `--settle: "" ${TIME_ERROR}`],
    [["--settle", "infinity"], "--settle: with infinity no reload would ever end"],
    [["--ready", "delay:infinity"], "--ready: with infinity no reload would ever end"],
    [["--ready", "delay:x"], `--ready: "x" ${TIME_ERROR}`],
    [["--ready", "delay"], '--ready: "delay" lacks its time, as in delay:5s'],
    [["--ready", "delay:"], '--ready: "delay:" lacks its time, as in delay:5s'],
    [["--ready", "never"], '--ready: "never" is none of notify, exec, delay, fd'],
    [["--kill-strays", "no"], '--kill-strays: "no" is none of own, all, none'],
    [["--on-crash", "panic"], '--on-crash: "panic" is none of restart, exit'],
    [["--stop-signal", "SIGKILL"], `--stop-signal: "SIGKILL" ${SIGNAL_ERROR}`],
    [["--reload-signal", "STOP"], `--reload-signal: "STOP" ${SIGNAL_ERROR}`],
    [["--pass-signal", "15"], `--pass-signal: "15" ${SIGNAL_ERROR}`],
    [["--pass-signal", ""], `--pass-signal: "" ${SIGNAL_ERROR}`],
    [["--listen", "localhost:80"], `--listen: "localhost:80" ${ADDRESS_ERROR}`],
    [["--listen-datagram", "web="], `--listen-datagram: "" ${ADDRESS_ERROR}`],
    [["--listen-seqpacket", "80000"], '--listen-seqpacket: "80000": a port is at most 65535'],
    [["--listen", "a:b=80"], expect.stringContaining('--listen: "a:b" is no name for a socket')],
    [["--listne", "80"], "unknown option '--listne'; see zerodown run --help"],
    [["-x"], "unknown option '-x'; see zerodown run --help"],
    [["--help=yes"], expect.stringMatching(/^option '-h, --help' does not take an argument;/)],
    [["--settle", "-5"], expect.stringMatching(/^option '--settle' argument is missing; one that begins with a dash/)],
    [["--env-file"], expect.stringMatching(/^option '--env-file' argument is missing;/)],
  ])("%j", (args, message) => {
    const error = failure(...args, ...COMMAND);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.exitStatus).toBe(64);
    expect(error.message).toEqual(message);
  });

  test("an option at the end without its value", () => {
    expect(failure("--listen").message).toBe("option '--listen <value>' argument missing; see zerodown run --help");
  });

  test("random arguments", () => {
    const options = [
      "--listen",
      "--ready",
      "--settle",
      "--stop-signal",
      "--on-crash",
      "--env-file",
      "--x",
      "-q",
      "--help",
      "--",
    ];
    const argument = fc.oneof(
      fc.constantFrom(...options),
      fc.tuple(fc.constantFrom(...options), fc.string({ unit: "grapheme" })).map(pair => pair.join("=")),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("a\nb", "80", "delay:\n", "\n"),
    );
    fc.assert(
      fc.property(fc.array(argument), args => {
        try {
          parseRunOptions(args);
        } catch (error) {
          expect(error).toBeInstanceOf(CommandError);
          expect((error as CommandError).message).toMatch(/^[^\n]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
