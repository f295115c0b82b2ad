// Rules on an app that is the client of a container engine.

import { basename } from "node:path";
import type { RunOptions } from "../run/options.js";
import type { Facts } from "./facts.js";
import { type Rule, shown } from "./finding.js";

/** By name, so that each can be tested alone. */
export const CONTAINERS = {
  container({ start, run }) {
    const [engine, ...args] = engineCommand(run);
    const why = engine && whyOutside(engine, args);
    return why ? [{ severity: "error", setting: "ExecStart", value: shown([start.path, ...start.args]), why }] : [];
  },

  containerOptions({ start, run }) {
    const [engine, ...args] = engineCommand(run);
    if (!run || engine !== "podman" || !args.includes("run")) return [];
    const options = optionsIn(args.slice(args.indexOf("run") + 1));
    return TRAPS.filter(({ isThere }) => isThere(options, run)).map(({ why }) => ({
      severity: "error",
      setting: "ExecStart",
      value: shown([start.path, ...start.args]),
      why,
    }));
  },
} satisfies Record<string, Rule>;

/** Options of podman run with which no next generation can start, or be told to be ready. */
const TRAPS: readonly { isThere: (args: readonly string[], run: RunOptions) => boolean; why: string }[] = [
  {
    isThere: args => args.some(word => /^(?:-[a-z]*d[a-z]*|--detach(?:=true)?)$/.test(word)),
    why: "podman run -d ends at once, before the app is ready: leave out -d",
  },
  {
    isThere: args => /(?:^| )--name[= ](?!\S*\{(?:generation|runtime)\})/.test(args.join(" ")),
    why: "the next generation can't have the name of one that runs: --name=app-{generation}",
  },
  {
    isThere: args => args.some(word => /^(?:-p.*|--publish(?:=.*)?)$/.test(word)),
    why: "the next generation can't publish a port that is taken: the socket is passed into the container, and -p isn't needed",
  },
  {
    isThere: (args, { ready }) => ready.startsWith("notify") && /--sdnotify[= ](?:conmon|ignore)/.test(args.join(" ")),
    why: "with that --sdnotify the app's own READY=1 doesn't come: --sdnotify=container, or --ready accept",
  },
];

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

/** What stands before the image, as far as that can be told: what follows it is the app's own. */
function optionsIn(args: readonly string[]): readonly string[] {
  const isAlone = (option = "--") => /=|^--(?:rm|replace|init|privileged|read-only|detach)?$|^-[dit]+$/.test(option);
  const image = args.findIndex((word, index) => !word.startsWith("-") && isAlone(args[index - 1]));
  return image < 0 ? args : args.slice(0, image);
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
