#!/bin/sh
// The command `zerodown`: finds the subcommand. The build puts a line of shell above this (see src/launcher/launcher.sh).

import { ADOPT } from "../launcher/received.js";
import { EX_UNAVAILABLE } from "../linux/exit-codes.js";
import { openStderr } from "../linux/stderr.js";
import { printable } from "../systemd/formats/printable.js";
import { COMMANDS } from "./commands.js";
import { isCommandError, UsageError } from "./errors.js";
import { checkUpgrade, goOn, run } from "./run.js";

declare const VERSION: string;

function helpText(): string {
  const commands = Object.entries(COMMANDS).map(([name, what]) => `  ${name.padEnd(12)}${what}`);
  return `Usage: zerodown COMMAND

Swaps the code of a service without losing a request.

${commands.join("\n")}

  --help, --version; zerodown COMMAND --help

Examples
  zerodown run --listen 8080 -- node server.js
  zerodown status app       what serves, and why the last reload failed
  zerodown logs app         what the app, and zerodown, have written
`;
}

async function main([command, ...args]: readonly string[]): Promise<number | undefined> {
  switch (command) {
    case "run":
      if (process.env[ADOPT] === undefined) await run(args);
      else await goOn(args);
      return;
    case "upgrade-check":
      // A supervisor asks, nobody else: it is in no list.
      await checkUpgrade(args);
      return;
    case "upgrade":
      return (await import("./upgrade.js")).upgrade(args);
    case "reload":
      return (await import("./reload.js")).reload(args);
    case "rollback":
      return (await import("./rollback.js")).rollback(args);
    case "scale":
      return (await import("./scale.js")).scale(args);
    case "check":
      return (await import("./check.js")).check(args);
    case "unit":
      return (await import("./unit.js")).unit(args);
    case "metrics":
      return (await import("./metrics.js")).metrics(args);
    case "logs":
      return (await import("./logs.js")).logs(args);
    case "completion":
      return (await import("./completion.js")).completion(args);
    case "status":
      return (await import("./status.js")).status(args);
    case "help":
    case "--help":
    case "-h":
      process.stdout.write(helpText());
      return;
    case "--version":
      process.stdout.write(`zerodown ${VERSION}\n`);
      return;
    default:
      throw new UsageError(
        `${command === undefined ? "no command" : `unknown command "${command}"`}: ${Object.keys(COMMANDS).join(", ")}. See zerodown --help`,
      );
  }
}

// A command that waits for what never comes (a bus that went away) ends with this, not with 0.
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
