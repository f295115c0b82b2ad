// The text of --help, from a command's table.

import type { CommandTable, Option } from "./table.js";

const WIDTH = 110;

export function helpText(table: CommandTable): string {
  const { name, usage, about, groups = {}, options, notes = [], exits = [], examples } = table;
  const names = Object.keys(options);
  const column = Math.max(...names.map(option => heading(option, options[option]!).length).filter(isShort)) + 4;
  const list = (group: string | undefined) =>
    names
      .filter(option => options[option]!.group === group)
      .flatMap(option => optionLines(option, options[option]!, column));
  const paragraphs = [
    [`Usage: zerodown ${name} ${usage}`],
    ...about.map(text => paragraph(text)),
    ...Object.entries(groups).map(([group, title]) => [...paragraph(title), ...list(group)]),
    list(undefined),
    ...notes.map(text => paragraph(text)),
    exits.length > 0 ? paragraph(`Exit status: ${exits.map(([status, what]) => `${status} ${what}`).join("; ")}`) : [],
    [examples.length > 1 ? "Examples" : "Example", ...examples.map(line => `  ${line}`)],
  ];
  return `${paragraphs
    .filter(lines => lines.length > 0)
    .map(lines => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** The option with its value, as it is typed. */
export function heading(name: string, { value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

/** A longer one has its explanation on a line below. */
function isShort(length: number): boolean {
  return length <= 30;
}

function optionLines(name: string, option: Option, column: number): string[] {
  const { help, choices = {}, default: value, defaultText = value, repeatable } = option;
  const facts = [defaultText === undefined ? "" : `default: ${defaultText}`, repeatable ? "repeatable" : ""];
  const known = facts.filter(fact => fact !== "").join("; ");
  const text = paragraph(known === "" ? help : `${help} (${known})`, WIDTH - column);
  const start = `  ${heading(name, option)}`;
  const meanings = Object.entries(choices);
  const inner = Math.max(0, ...meanings.map(([choice]) => choice.length)) + 2;
  const lines = [
    ...text,
    ...meanings.flatMap(([choice, meaning]) =>
      paragraph(meaning, WIDTH - column - inner - 2).map(
        (line, index) => `  ${(index === 0 ? choice : "").padEnd(inner)}${line}`,
      ),
    ),
  ];
  const indented = lines.map(line => " ".repeat(column) + line);
  return start.length + 2 <= column ? [start.padEnd(column) + lines[0], ...indented.slice(1)] : [start, ...indented];
}

/** Breaks a paragraph at blanks. */
export function paragraph(text: string, width = WIDTH): string[] {
  const lines = [""];
  for (const word of text.trim().split(/\s+/)) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
