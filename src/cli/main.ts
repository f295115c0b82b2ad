#!/bin/sh
// The command `zerodown`: finds the subcommand. The build puts a line of shell above this (see src/cli/launcher.sh).

import { CommandError } from "./options.js";
import { run } from "./run.js";

declare const VERSION: string;

const HELP = `Usage: zerodown COMMAND

Swaps the code of a service without losing a request.

  run      supervise a command, and start it anew on SIGHUP

  --help, --version; zerodown COMMAND --help

Example
  zerodown run --listen 8080 -- node server.js
`;

function main([command, ...args]: readonly string[]): void {
  switch (command) {
    case "run":
      return run(args);
    case "--help":
    case "-h":
      process.stdout.write(HELP);
      return;
    case "--version":
      process.stdout.write(`zerodown ${VERSION}\n`);
      return;
    case undefined:
      throw new CommandError("no command: run. See zerodown --help", 64);
    default:
      throw new CommandError(`unknown command "${command}": run. See zerodown --help`, 64);
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`zerodown: ${error.message}\n`);
  process.exitCode = error.exitStatus;
}
