// The completion script for bash.

import { COMMANDS } from "../commands.js";
import type { CommandTable } from "../options/table.js";
import { COMPLETE_TABLES } from "../tables.js";
import { choicesOf, kindOf } from "./words.js";

export function bashScript(): string {
  const cases = COMPLETE_TABLES.map(commandCase).join("\n");
  return `# bash completion for zerodown: printed by "zerodown completion bash".
# Offers those of its arguments that begin with the word. bash replaces only what comes after the last of : @ and =, and takes
# what it is given for text, in which a unit's backslash needs another one.
_zerodown_offer() {
  local candidate
  for candidate in "$@"; do
    candidate=\${candidate//\\\\/\\\\\\\\}
    [[ $candidate != "$word"* ]] || COMPREPLY+=("\${candidate#"\${word%"\${word##*[:@=]}"}"}")
  done
}
_zerodown_lines() {
  local lines
  mapfile -t lines < <(zerodown completion $scope "$@" 2>/dev/null)
  _zerodown_offer "\${lines[@]}"
}
_zerodown() {
  local line=\${COMP_LINE:0:COMP_POINT} words word before command scope= unit= index
  COMPREPLY=()
  # Split at blanks alone, where bash makes three words of --option=value and of app@1.
  read -ra words <<<"$line"
  [[ $line != *[[:blank:]] ]] || words+=("")
  word=\${words[-1]} before=\${words[-2]} command=\${words[1]}
  if ((\${#words[@]} == 2)); then
    _zerodown_offer ${Object.keys(COMMANDS).join(" ")} --help --version
    return
  fi
  if [[ $word == --*=* ]]; then before=\${word%%=*} word=\${word#*=}; fi
  for ((index = 2; index < \${#words[@]} - 1; index++)); do
    case \${words[index]} in
      --user) scope=--user ;;
      --)
        # Another command's line follows.
        if declare -F _command_offset >/dev/null; then _command_offset $((index + 1)); else compopt -o default; fi
        return
        ;;
      [^-]*) unit=\${unit:-\${words[index]}} ;;
    esac
  done
  case $command in
${cases}
  esac
} && complete -F _zerodown zerodown
`;
}

function commandCase({ name, options, operand }: CommandTable): string {
  const values = Object.entries(options).flatMap(([option, facts]) => {
    const reply = valueReply(choicesOf(facts), kindOf(facts));
    return reply === undefined ? [] : [`        --${option}) ${reply}; return ;;`];
  });
  const words = Object.keys(options).map(option => `--${option}`);
  const operands =
    operand === "unit"
      ? "_zerodown_lines --units"
      : name === "completion"
        ? "_zerodown_offer bash zsh fish"
        : "compopt -o default 2>/dev/null";
  return `    ${name})
      case $before in
${values.join("\n")}
      esac
      if [[ $word == -* ]]; then _zerodown_offer ${words.join(" ")}; else ${operands}; fi
      ;;`;
}

/** @returns undefined for a flag */
function valueReply(choices: readonly string[], kind: ReturnType<typeof kindOf>): string | undefined {
  if (kind === "none") return undefined;
  if (choices.length > 0) return `_zerodown_offer ${choices.join(" ")}`;
  switch (kind) {
    case "file":
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")';
    case "directory":
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word")';
    case "unit":
      return "_zerodown_lines --units";
    case "generation":
      return '_zerodown_lines --generations "$unit"';
    default:
      return ":";
  }
}
