// The options of a command as a man page has them, in groff_man(7), from the command's table.

import { heading } from "./help.js";
import type { CommandTable, Option } from "./table.js";

/**
 * The options under one heading.
 *
 * @param group the heading's key; without one the options that have none
 */
export function manOptions({ options }: CommandTable, group?: string): string {
  return Object.entries(options)
    .filter(([name, option]) => option.group === group && name !== "help")
    .map(([name, option]) => entry(name, option))
    .join("");
}

function entry(name: string, option: Option): string {
  const {
    choices = {},
    default: value,
    defaultText = value,
    repeatable,
    completes: _,
    help,
    more = sentence(help),
  } = option;
  const paragraphs = more.trim().split(/\n\s*\n/);
  const facts = [defaultText === undefined ? "" : `Default: ${defaultText}.`, repeatable ? "Repeatable." : ""].filter(
    fact => fact !== "",
  );
  const meanings = Object.entries(choices).map(([choice, meaning]) => `.TP\n${bold(choice)}\n${lines(meaning)}`);
  return [
    `.TP\n${title(heading(name, option))}\n`,
    paragraphs.map(lines).join(".IP\n"),
    meanings.length > 0 ? `.RS\n${meanings.join("")}.RE\n${facts.length > 0 ? ".IP\n" : ""}` : "",
    ...facts.map(lines),
  ].join("");
}

/** The option bold, the names in its value italic. */
function title(text: string): string {
  const [option = "", value] = text.split(" ");
  const names = value?.replace(/[A-Z]+/g, name => `\\fI${name}\\fR`);
  return value === undefined ? bold(option) : `${bold(option)} ${names}`;
}

function bold(text: string): string {
  return `\\fB${toRoff(text)}\\fR`;
}

/** A line for each sentence, as man pages have it. */
function lines(paragraph: string): string {
  const text = toRoff(paragraph.trim().replace(/\s+/g, " "))
    .replace(/\*([^*]+)\*/g, "\\fB$1\\fR")
    .replace(/(?<![\w-])\\-\\-[a-z\\-]+[a-z]/g, "\\fB$&\\fR")
    .replace(/\b[a-z][\w.]*\([1-8]\)/g, page => page.replace(/^[\w.]+/, "\\fB$&\\fR"));
  return `${text.replace(/(?<=[a-z)0-9R][.;]) (?=[A-Z(\\])/g, "\n")}\n`;
}

function toRoff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&");
}

function sentence(phrase: string): string {
  return `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`;
}
