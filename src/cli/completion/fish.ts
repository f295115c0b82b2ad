// The completion script for fish.

import { COMMANDS } from "../commands.js";
import type { CommandTable, Option } from "../options/table.js";
import { COMPLETE_TABLES } from "../tables.js";
import { choicesOf, kindOf } from "./words.js";

export function fishScript(): string {
  const commands = Object.entries(COMMANDS).map(
    ([name, what]) => `complete -c zerodown -n __fish_use_subcommand -f -a ${name} -d ${quote(what)}`,
  );
  return `# fish completion for zerodown: printed by "zerodown completion fish".
function __zerodown_scope
    contains -- --user (commandline -opc); and echo -- --user
end
function __zerodown_unit
    string match -v -- '-*' (commandline -opc)[3..]
end
${[...commands, ...COMPLETE_TABLES.flatMap(commandLines)].join("\n")}
`;
}

function commandLines({ name, options, operand }: CommandTable): string[] {
  const start = `complete -c zerodown -n '__fish_seen_subcommand_from ${name}'`;
  const operands =
    operand === "unit"
      ? [`${start} -f -a '(zerodown completion --units (__zerodown_scope) 2>/dev/null)'`]
      : name === "completion"
        ? [`${start} -f -a 'bash zsh fish'`]
        : [];
  return [
    ...operands,
    ...Object.entries(options).map(
      ([option, facts]) =>
        `${start} -l ${option}${optionValue(facts)} -d ${quote(facts.help.replace(/\s+/g, " ").trim())}`,
    ),
  ];
}

function optionValue(option: Option): string {
  const choices = choicesOf(option);
  if (choices.length > 0) return ` -x -a ${quote(choices.join(" "))}`;
  switch (kindOf(option)) {
    case "none":
      return "";
    case "file":
      return " -r -F";
    case "directory":
      return " -x -a '(__fish_complete_directories)'";
    case "unit":
      return " -x -a '(zerodown completion --units (__zerodown_scope) 2>/dev/null)'";
    case "generation":
      return " -x -a '(zerodown completion (__zerodown_scope) --generations (__zerodown_unit)[1] 2>/dev/null)'";
    default:
      return " -x";
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
