#!/bin/sh
// The command `zerodown`: finds the subcommand. The build puts a line of shell above this (see src/launcher/launcher.sh).

import { openStderr } from "../linux/stderr.js";
import { printable } from "../systemd/formats/printable.js";
import { isCommandError, UsageError } from "./options.js";
import { run } from "./run.js";

declare const VERSION: string;

const HELP = `Usage: zerodown COMMAND

Swaps the code of a service without losing a request.

  run      supervise a command
  reload   start the next generation, and wait until it serves
  status   show the generations, what they use and how they ended
  check    say what in a unit will bite, and the fix
  unit     print a .service and a .socket for a command

  --help, --version; zerodown COMMAND --help

Example
  zerodown run --listen 8080 -- node server.js
`;

async function main([command, ...args]: readonly string[]): Promise<number | undefined> {
  switch (command) {
    case "run":
      run(args);
      return;
    case "reload":
      return (await import("./reload.js")).reload(args);
    case "check":
      return (await import("./check.js")).check(args);
    case "unit":
      return (await import("./unit.js")).unit(args);
    case "status":
      return (await import("./status.js")).status(args);
    case "--help":
    case "-h":
      process.stdout.write(HELP);
      return;
    case "--version":
      process.stdout.write(`zerodown ${VERSION}\n`);
      return;
    default:
      throw new UsageError(
        `${command === undefined ? "no command" : `unknown command "${command}"`}: run, reload, status, check, unit. See zerodown --help`,
      );
  }
}

// A command that waits for what never comes (a bus that went away) ends with this, not with 0.
const EX_UNAVAILABLE = 69;

process.exitCode = EX_UNAVAILABLE;
main(process.argv.slice(2)).then(
  status => {
    process.exitCode = status ?? 0;
  },
  error => {
    if (!isCommandError(error)) throw error;
    // An app's STATUS= and its last lines among them: to root's terminal they must be no commands.
    const lines = [`zerodown: ${error.message}`, ...error.details.map(line => `  ${line}`), ""];
    complain(lines.map(printable).join("\n"));
    process.exitCode = error.exitStatus;
  },
);

/** Where nobody reads it, a unit's start or reload must not hang in saying why it failed. */
function complain(text: string): void {
  try {
    openStderr()(text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") process.stderr.write(text);
  }
}
