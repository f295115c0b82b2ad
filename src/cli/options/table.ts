// The vocabulary of a command's table, which its parser, its --help, the man page's options and completion come from.
// Wherever its texts are shown their lines are broken again.

/** The shell completes an option's value, or an operand, from the list of these. */
export type Completes = "unit" | "generation" | "file" | "directory" | "signal";

export interface Option {
  /** How its value is called: TIME. Without one the option is a flag. */
  readonly value?: string;
  /** The values that it may have, each with its meaning. */
  readonly choices?: Readonly<Record<string, string>>;
  readonly completes?: Completes;
  readonly short?: string;
  readonly repeatable?: true;
  /** The value where none is given. */
  readonly default?: string;
  /** The same in words, for --help: where it isn't one value, or isn't the parser's matter. */
  readonly defaultText?: string;
  /** A phrase for --help. */
  readonly help: string;
  /** Sentences for the man page, a blank line between paragraphs, *bold* marked. Without them it says what --help does. */
  readonly more?: string;
  /** The key of the heading that it stands under. */
  readonly group?: string;
}

export interface CommandTable {
  readonly name: string;
  /** The first line of --help, behind the command's name. */
  readonly usage: string;
  /** Paragraphs. */
  readonly about: readonly string[];
  /** Headings of options, in order; options without one come after these. */
  readonly groups?: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, Option>>;
  /** Paragraphs on the options together. */
  readonly notes?: readonly string[];
  /** Exit statuses. */
  readonly exits?: readonly (readonly [number, string])[];
  readonly examples: readonly string[];
  readonly operand?: Completes;
}

/** Every command has it. */
export const HELP = { help: { short: "h", help: "this text" } } as const satisfies CommandTable["options"];

/** Options that say whose manager a unit is of. */
export const SCOPE = {
  user: { help: "UNIT is of your own manager" },
  system: { help: "UNIT is of the system's manager (default)" },
} as const satisfies CommandTable["options"];

/** Options that say which supervisor is meant, where no unit is named. */
export const SUPERVISOR = {
  pid: { value: "PID", help: "the supervisor with this pid" },
  control: { value: "PATH", completes: "file", help: "the supervisor with this control socket" },
} as const satisfies CommandTable["options"];

/** The values that the parser makes of a table's options. */
export type Values<T extends CommandTable["options"]> = {
  -readonly [K in keyof T]: T[K] extends { readonly value: string }
    ? T[K] extends { readonly repeatable: true }
      ? string[] | undefined
      : T[K] extends { readonly default: string }
        ? string
        : string | undefined
    : boolean | undefined;
};
