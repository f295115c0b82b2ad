// The completion script for zsh.

import { COMMANDS } from "../commands.js";
import type { CommandTable, Option } from "../options/table.js";
import { COMPLETE_TABLES } from "../tables.js";
import { choicesOf, kindOf } from "./words.js";

export function zshScript(): string {
  const commands = Object.entries(COMMANDS).map(([name, what]) => `    ${quote(`${name}:${what}`)}`);
  return `#compdef zerodown
# zsh completion for zerodown: printed by "zerodown completion zsh".
_zerodown_units() {
  local -a units
  units=(\${(f)"$(zerodown completion --units \${(M)words:#--user} 2>/dev/null)"})
  compadd -a units
}
_zerodown_generations() {
  local -a generations
  generations=(\${(f)"$(zerodown completion --generations "\${\${words[2,-1]:#-*}[1]}" \${(M)words:#--user} 2>/dev/null)"})
  compadd -a generations
}
_zerodown() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${COMPLETE_TABLES.map(commandCase).join("\n")}
  esac
}
_zerodown "$@"
`;
}

function commandCase({ name, options, operand, usage }: CommandTable): string {
  const specs = Object.entries(options).map(([option, facts]) => quote(optionSpec(option, facts)));
  const shells = name === "completion" ? [quote("1:shell:(bash zsh fish)")] : [];
  const units = operand === "unit" ? [quote("1:unit:_zerodown_units")] : [];
  const rest = usage.includes("-- COMMAND") ? [quote("*::command:_normal")] : [];
  return `    ${name}) _arguments -s ${[...specs, ...shells, ...units, ...rest].join(" \\\n      ")} ;;`;
}

function optionSpec(name: string, option: Option): string {
  const { help, value, repeatable } = option;
  const text = help
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[[\]:]/g, "\\$&");
  const spec = `${repeatable ? "*" : ""}--${name}${value === undefined ? "" : "="}[${text}]`;
  return value === undefined ? spec : `${spec}:${value.replace(/[[\]:]/g, "")}:${action(option)}`;
}

function action(option: Option): string {
  const choices = choicesOf(option);
  if (choices.length > 0) return `(${choices.join(" ").replaceAll(":", "\\:")})`;
  switch (kindOf(option)) {
    case "file":
      return "_files";
    case "directory":
      return "_files -/";
    case "unit":
      return "_zerodown_units";
    case "generation":
      return "_zerodown_generations";
    default:
      return "";
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
