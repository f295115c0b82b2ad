// Starts a client command (`zerodown reload`, `zerodown status`) for real, with or without a terminal.

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { expect } from "@jest/globals";
import { Lines } from "./lines.js";
import { ROOT, ZERODOWN } from "./supervisor.js";

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class TestCommand {
  readonly output = new Lines();
  readonly errors = new Lines();
  readonly ended: Promise<Result>;
  private readonly child: ChildProcess;

  constructor(file: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
    let [stdout, stderr] = ["", ""];
    this.child.stdout!.on("data", (data: Buffer) => {
      stdout += data;
      this.output.add(data.toString());
    });
    this.child.stderr!.on("data", (data: Buffer) => {
      stderr += data;
      this.errors.add(data.toString());
    });
    this.ended = new Promise(resolve =>
      this.child.on("close", status => {
        this.output.end();
        this.errors.end();
        running.delete(this);
        resolve({ status, stdout, stderr });
      }),
    );
    running.add(this);
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Presses keys: "\x03" is Ctrl-C where there is a terminal. */
  type(text: string): void {
    this.child.stdin!.write(text);
  }
}

const running = new Set<TestCommand>();

/** For afterEach: no command outlives its test. */
export async function killCommands(): Promise<void> {
  await Promise.all(
    [...running].map(command => {
      command.signal("SIGKILL");
      return command.ended;
    }),
  );
}

/** Runs a command of ours to its end. */
export function zerodown(args: readonly string[], options?: SpawnOptions): Promise<Result> {
  return new TestCommand(ZERODOWN, args, options).ended;
}

/**
 * Starts a command of ours on a terminal of that size. First it prints a line "TTY PID": the terminal's device, and the
 * pid that the command has.
 */
export function onTerminal(args: readonly string[], size: { rows: number; columns: number }): TestCommand {
  const command = `stty rows ${size.rows} cols ${size.columns}; echo $(tty) $$; exec ${[ZERODOWN, ...args].map(quote).join(" ")}`;
  return new TestCommand("script", ["--quiet", "--return", "--command", command, "/dev/null"], { cwd: ROOT });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Expects one line on stderr that matches, nothing on stdout, and that exit status. */
export function expectError({ status, stdout, stderr }: Result, expected: number, line: RegExp): void {
  expect(stderr).toMatch(/^zerodown: .*\n$/);
  expect(stderr).toMatch(line);
  expect({ status, stdout }).toEqual({ status: expected, stdout: "" });
}
