// Reading a command line by the command's table.

import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "../errors.js";
import type { CommandTable, Option, Values } from "./table.js";

export interface CommandLine<T extends CommandTable["options"]> {
  readonly values: Values<T>;
  /** The options in the order given. */
  readonly given: readonly { readonly name: string; readonly value: string | undefined }[];
  /** The arguments before `--` that are neither an option nor its value. */
  readonly operands: readonly string[];
  /** All arguments after a `--` that the usage has; undefined without it. */
  readonly rest: readonly string[] | undefined;
}

/** @throws {UsageError} */
export function parseCommandLine<const T extends CommandTable["options"]>(
  { name, usage, options }: { readonly name: string; readonly usage: string; readonly options: T },
  args: readonly string[],
): CommandLine<T> {
  const { values, tokens } = parse(name, { args: [...args], options: configOf(options), allowPositionals: true });
  // Where nobody's command follows it, it says that no option does.
  const end =
    usage.includes(" -- ") || usage.includes("[-- ")
      ? tokens.find(({ kind }) => kind === "option-terminator")?.index
      : undefined;
  return {
    values: values as Values<T>,
    given: tokens.flatMap(token => (token.kind === "option" ? { name: token.name, value: token.value } : [])),
    operands: tokens.flatMap(token =>
      token.kind === "positional" && token.index < (end ?? args.length) ? token.value : [],
    ),
    rest: end === undefined ? undefined : args.slice(end + 1),
  };
}

function configOf(options: Readonly<Record<string, Option>>): NonNullable<ParseArgsConfig["options"]> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { value, repeatable = false, short, default: given }]) => [
      name,
      {
        type: value === undefined ? "boolean" : "string",
        multiple: repeatable,
        ...(short !== undefined && { short }),
        ...(given !== undefined && { default: given }),
      } as const,
    ]),
  );
}

/** Calls Node's parseArgs, whose complaints become ours. */
function parse(command: string, config: ParseArgsConfig) {
  try {
    return parseArgs({ ...config, tokens: true });
  } catch (error) {
    // Node's text goes on to explain "--".
    const [first = ""] = (error as Error).message.split(/\. (?=To |Did )|\.?\n/);
    const text = first.replace(/ is ambiguous$/, " is missing; one that begins with a dash comes after an equals sign");
    throw new UsageError(`${text.charAt(0).toLowerCase()}${text.slice(1)}; see zerodown ${command} --help`, error);
  }
}
