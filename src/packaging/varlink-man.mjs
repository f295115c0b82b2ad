// Prints zerodown-varlink(7) from the interface's description: its comments are the text, its declarations the headings.

import { readFileSync } from "node:fs";

const [file, date, version] = process.argv.slice(2);
const escapeRoff = text =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");
const sections = { type: "TYPES", method: "METHODS", error: "ERRORS" };

/** Each declaration with the comment above it. */
const declarations = readFileSync(file, "utf8")
  .split(/\n\n+/)
  .map(block => {
    const lines = block.trimEnd().split("\n");
    const comment = lines.filter(line => line.startsWith("#")).map(line => line.replace(/^# ?/, ""));
    const code = lines.filter(line => line !== "" && !line.startsWith("#"));
    const [, kind, name] = /^(\w+) ([\w.]+)/.exec(code[0]);
    return { kind, name, comment, code };
  });

/** Indented lines of a comment stay as they are; the others are a paragraph, in which each sentence begins a line. */
function text(comment) {
  const isList = line => line.startsWith("  ");
  return comment.flatMap((line, index) => {
    const before = isList(comment[index - 1] ?? "");
    const now = isList(line);
    return [
      ...(now && !before ? [".nf"] : before && !now ? [".fi"] : []),
      escapeRoff(now ? line : line.replaceAll(/([.:]) (?=[A-Z`])/g, "$1\n")),
    ];
  });
}

const [{ name, comment }, ...rest] = declarations;
const page = [
  `.TH ZERODOWN\\-VARLINK 7 "${date}" "zerodown ${version}"`,
  ".SH NAME",
  `zerodown\\-varlink \\- the control interface of a zerodown supervisor`,
  ".SH SYNOPSIS",
  `.B varlinkctl call`,
  `.I SOCKET`,
  `.B ${name}.Status '{}'`,
  ".SH DESCRIPTION",
  "Each supervisor serves the Varlink interface",
  `.B ${name}`,
  "on the socket that",
  ".B \\-\\-control",
  "of",
  ".BR zerodown (1)",
  "names.",
  ...text(comment),
  "Only root and the supervisor's own user may use it.",
  ...Object.entries(sections).flatMap(([kind, title]) => [
    `.SH ${title}`,
    ...rest
      .filter(declaration => declaration.kind === kind)
      .flatMap(({ name, comment, code }) => [
        `.SS ${name}`,
        ...text(comment),
        ".PP",
        ".nf",
        ...code.map(escapeRoff),
        ".fi",
      ]),
  ]),
  ".SH SEE ALSO",
  ".BR zerodown (1),",
  ".BR varlinkctl (1)",
];
process.stdout.write(`${page.join("\n")}\n`);
