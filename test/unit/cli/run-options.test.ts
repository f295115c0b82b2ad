// The options of `zerodown run`, and what is said when one is wrong.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CommandError, UsageError } from "../../../src/cli/errors.js";
import { parseRunOptions } from "../../../src/cli/run/options.js";
import { usableCpus } from "../../../src/linux/cpus.js";

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
    fdMap: [],
    ready: "notify",
    readyDelay: 0,
    startTimeout: 600e6,
    probes: [],
    probeTimeout: 30e6,
    stopTimeout: 90e6,
    beforeDrain: 0,
    settle: 0,
    stopSignal: "SIGINT",
    stopOn: ["SIGTERM", "SIGINT", "SIGQUIT"],
    reloadSignals: ["SIGHUP"],
    passSignals: [],
    onCrash: "restart",
    workers: 1,
    sharesQueues: false,
    surge: Number.POSITIVE_INFINITY,
    bootWeight: 10,
    asksForWeight: false,
    bootParallel: usableCpus(),
    maxAge: Number.POSITIVE_INFINITY,
    maxMemory: Number.POSITIVE_INFINITY,
    workerLimits: [],
    killStrays: "own",
    envFile: undefined,
    workingDirectory: undefined,
  });
});

test.each([
  [["--fd-map", "0", "--fd-map", "web=1023"], { fdMap: [{ number: 0 }, { name: "web", number: 1023 }] }],
  [["--fd-map=app=x.socket=0"], { fdMap: [{ name: "app=x.socket", number: 0 }] }],
  [["--ready", "exec"], { ready: "exec", readyDelay: 0 }],
  [["--ready=fd"], { ready: "fd" }],
  [["--ready", "delay:1.5s"], { ready: "delay", readyDelay: 1.5e6 }],
  [["--start-timeout", "1h 30min"], { startTimeout: 5400e6 }],
  [["--probe", "./check now", "--probe=http:/health?all"], { probes: ["./check now", "http:/health?all"] }],
  [["--on-event", "tell %n"], { onEvent: "tell %n" }],
  [["--before-drain", "leave"], { beforeDrain: 10e6 }],
  [["--before-drain", "leave", "--before-drain-timeout", "1min"], { beforeDrain: 60e6 }],
  [["--probe-timeout", "infinity"], { probeTimeout: Number.POSITIVE_INFINITY }],
  [["--probe-timeout", "5s"], { probeTimeout: 5e6 }],
  [["--stop-timeout", "infinity"], { stopTimeout: Number.POSITIVE_INFINITY }],
  [["--settle", "250ms"], { settle: 250e3 }],
  [["--settle", "1", "--settle", "2"], { settle: 2e6 }],
  [["--stop-signal", "TERM"], { stopSignal: "SIGTERM" }],
  [["--stop-signal", "sigquit"], { stopSignal: "SIGQUIT" }],
  [["--reload-signal", "USR1", "--reload-signal", "SIGHUP"], { reloadSignals: ["SIGUSR1", "SIGHUP"] }],
  [["--pass-signal", "USR2", "--pass-signal", "WINCH"], { passSignals: ["SIGUSR2", "SIGWINCH"] }],
  [["--on-crash", "exit"], { onCrash: "exit" }],
  [["--workers", "8", "--surge", "2"], { workers: 8, sharesQueues: true, surge: 2 }],
  [["--boot-weight", "1"], { bootWeight: 1, asksForWeight: true }],
  [["--boot-weight", "10000", "--boot-parallel", "3"], { bootWeight: 10_000, bootParallel: 3 }],
  [["--workers", "1"], { workers: 1, sharesQueues: true }],
  [["--max-age", "1h"], { maxAge: 3600e6 }],
  [["--max-memory", "512M"], { maxMemory: 512 * 2 ** 20 }],
  [["--max-memory", "4096"], { maxMemory: 4096 }],
  [["--worker-limit", "memory.max=1G"], { workerLimits: [["memory.max", "1G"]] }],
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

describe("placeholders", () => {
  test.each([
    [
      ["--", "app", "{genration}"],
      "the command: {genration} looks like {generation}; {{genration}} stands for {genration} itself",
    ],
    [["--", "app", "{fd:}"], "the command: {fd:} lacks the name of a descriptor; {{fd:}} stands for {fd:} itself"],
    [
      ["--probe", "ls {Runtime}", "--", "app"],
      "--probe: {Runtime} looks like {runtime}; {{Runtime}} stands for {Runtime} itself",
    ],
    [
      ["--", "{release}/app"],
      'the command: nothing is put into the name of a program ("{release}/app"): one that is relative is looked up in the release',
    ],
  ])("%j is refused", (args, message) => {
    expect(failure(...args)).toMatchObject({ message, exitStatus: 64 });
  });

  test("are left in the command: what stands for them differs from process to process", () => {
    const command = ["sh", "-c", "f() { echo {generation}; }; f {{genration}}"];
    expect(parseRunOptions(["--", ...command])!.command).toEqual(command);
  });
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

const TIME_ERROR = "isn't a time span (90, 90s, 5min, 1h 30min, infinity)";
const SIGNAL_ERROR = "isn't a signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)";
const ADDRESS_ERROR = "isn't an address (8080, 127.0.0.1:8080, [::1]:8080, /run/a.sock, @name)";

describe("what is wrong with an option is one line that names it and the value, and exit status 64:", () => {
  test.each([
    [["--start-timeout", "soon"], `--start-timeout: "soon" ${TIME_ERROR}`],
    [["--stop-timeout=-5"], `--stop-timeout: "-5" ${TIME_ERROR}`],
    [["--stop-timeout", "x\ny"], `--stop-timeout: "x y" ${TIME_ERROR}`],
    [["--settle", ""], `--settle: "" ${TIME_ERROR}`],
    [["--settle", "infinity"], "--settle: with infinity no reload would ever end"],
    [["--probe-timeout", "0"], "--probe-timeout: 0 leaves no probe any time"],
    [["--probe", " "], "--probe: there is no command in it"],
    [["--on-event", ""], "--on-event: there is no command in it"],
    [["--before-drain", ""], "--before-drain: there is no command in it"],
    ...["0", "infinity"].map((time): [string[], string] => [
      ["--before-drain", "leave", "--before-drain-timeout", time],
      "--before-drain-timeout: 0 leaves no time, and with infinity nothing might ever stop",
    ]),
    [["--ready", "delay:infinity"], "--ready: with infinity no reload would ever end"],
    [["--ready", "delay:x"], `--ready: "x" ${TIME_ERROR}`],
    [["--ready", "delay"], '--ready: "delay" lacks its time, as in delay:5s'],
    [["--ready", "delay:"], '--ready: "delay:" lacks its time, as in delay:5s'],
    [["--ready", "never"], '--ready: "never" is none of notify, exec, delay, fd, accept, notify+accept'],
    [["--kill-strays", "no"], '--kill-strays: "no" is none of own, all, none'],
    [["--workers", "0"], `--workers: "0" isn't a count (1, 2, 3 …)`],
    [["--boot-weight", "0"], `--boot-weight: "0" isn't a count (1, 2, 3 …)`],
    [["--boot-weight", "10001"], "--boot-weight: 10001 is more than a cgroup can have (1 to 10000)"],
    [["--boot-parallel", "auto"], `--boot-parallel: "auto" isn't a count (1, 2, 3 …)`],
    [["--surge", "all"], `--surge: "all" isn't a count (1, 2, 3 …)`],
    [
      ["--surge", "1", "--stop-timeout", "infinity"],
      "--surge waits for those that drain: with --stop-timeout infinity no reload might ever end",
    ],
    [["--max-memory", "much"], '--max-memory: "much" is not a size (512M, 2G)'],
    [
      ["--worker-limit", "512M"],
      '--worker-limit: "512M" is not a file of a cgroup and its value, as in memory.max=512M',
    ],
    [["--on-crash", "panic"], '--on-crash: "panic" is none of restart, exit'],
    [["--stop-signal", "SIGKILL"], `--stop-signal: "SIGKILL" ${SIGNAL_ERROR}`],
    [["--reload-signal", "STOP"], `--reload-signal: "STOP" ${SIGNAL_ERROR}`],
    [["--pass-signal", "15"], `--pass-signal: "15" ${SIGNAL_ERROR}`],
    [["--pass-signal", ""], `--pass-signal: "" ${SIGNAL_ERROR}`],
    [["--listen", "localhost:80"], `--listen: "localhost:80" ${ADDRESS_ERROR}`],
    [["--listen-datagram", "web="], `--listen-datagram: "" ${ADDRESS_ERROR}`],
    [["--listen-seqpacket", "80000"], '--listen-seqpacket: "80000": a port is at most 65535'],
    [["--listen", "a:b=80"], expect.stringContaining(`--listen: "a:b" isn't a name for a socket`)],
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
