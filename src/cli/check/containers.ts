// Rules on an app that is the client of a container engine.

import { basename } from "node:path";
import type { Facts } from "./facts.js";
import { type Rule, shown } from "./finding.js";

/** By name, so that each can be tested alone. */
export const CONTAINERS = {
  container({ start, run }) {
    const [engine, ...args] = engineCommand(run);
    const why = engine && whyOutside(engine, args);
    return why ? [{ severity: "error", setting: "ExecStart", value: shown([start.path, ...start.args]), why }] : [];
  },
} satisfies Record<string, Rule>;

const OUTSIDE =
  "the container lives outside the generation's cgroup, so that it outlives a candidate that is killed, and systemctl stop";

function whyOutside(engine: string, args: readonly string[]): string | undefined {
  const subcommand = args.filter(word => !word.startsWith("-"));
  const [first, second] = subcommand[0] === "container" ? subcommand.slice(1) : subcommand;
  const isStarting =
    /^(?:run|start|restart)$/.test(first ?? "") || (first === "compose" && /^(?:up|run|start)$/.test(second ?? ""));
  if (!isStarting) return undefined;
  if (engine !== "podman")
    return `${engine} only asks its daemon: ${OUTSIDE}. podman run --cgroups=split can stay inside`;
  if (first !== "run") return `${OUTSIDE}: podman run --cgroups=split stays inside`;
  if (!/(?:^| )--cgroups[= ]split(?: |$)/.test(args.join(" "))) return `${OUTSIDE}: give podman run --cgroups=split`;
  return undefined;
}

/** The engine's name and what follows it: as the command itself, behind sudo or env, or in a shell's script. */
function engineCommand(run: Facts["run"]): string[] {
  const [command = "", ...args] = run?.command ?? [];
  const name = basename(command);
  const isShell = /^(ba|da|z|k|a|fi)?sh$/.test(name);
  const isPrefix = /^(?:sudo|env|nice|exec)$/.test(name);
  const words = isShell ? args.join(" ").split(/[\s;&|"']+/) : isPrefix ? args : [];
  const index = words.findIndex(word => isEngine(word));
  if (isEngine(command)) return [name, ...args];
  return index < 0 ? [] : [basename(words[index]!), ...words.slice(index + 1)];
}

function isEngine(word: string): boolean {
  return /^(?:podman|docker|nerdctl)$/.test(basename(word));
}
