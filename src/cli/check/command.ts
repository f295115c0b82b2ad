// Rules on the app's own command, behind the -- of zerodown run.

import { basename } from "node:path";
import { type Rule, shown } from "./finding.js";

/** By name, so that each can be tested alone. */
export const COMMAND = {
  relativeCommand({ scope, service, start, run, defaultDirectory }) {
    const [command = ""] = run?.command ?? [];
    // A user's manager fills in the user's home, with the "!" of a directory that may be missing.
    const isDefault = ["", `!${defaultDirectory}`].includes(String(service.WorkingDirectory ?? ""));
    if (!isRelative(command) || !isDefault || run?.workingDirectory !== undefined) return [];
    const what = scope === "user" ? "a user's manager starts services in $HOME" : "systemd starts services in /";
    const why = `without WorkingDirectory= ${what}, and looks for "${command}" there: give the full path, or zerodown run --working-directory`;
    return [{ severity: "error", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
  },

  appWrapper({ start, run }) {
    const [command = "", ...args] = run?.command ?? [];
    const name = basename(command);
    const isShell = /^(ba|da|z|k|a|fi)?sh$/.test(name);
    if (!isShell && !/^(npm|npx|pnpm|yarn)$/.test(name)) return [];
    // A shell that traps signals passes them on, or is the app.
    if (isShell && /\b(exec|trap)\b/.test(args.join(" "))) return [];
    const remedy = isShell ? "let it start the app by exec" : "start the app itself";
    const why = `${name} gets ${run!.stopSignal} in the app's place and doesn't pass it on, so that each stop and reload waits for --stop-timeout and kills the app: ${remedy}`;
    return [{ severity: "note", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
  },
} satisfies Record<string, Rule>;

/** Whether what it means depends on the working directory: a name without a slash is looked up in $PATH. */
export function isRelative(command: string): boolean {
  return command.includes("/") && !command.startsWith("/");
}
