// Draws what a terminal showed as an SVG, and reads such a picture again.

import { stripVTControlCharacters } from "node:util";

/** How wide the terminal is. */
export const COLUMNS = 92;
const FONT = 13;
/** Monospace fonts are at most that wide, in parts of their size. */
const ADVANCE = 0.62;
const LINE = 18;
const PADDING = 16;

const FAMILY = "ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace";

/** What a terminal makes of the colours that src/cli/terminal.ts paints with. */
const STYLES: Record<string, string> = {
  1: 'font-weight="bold"',
  2: 'fill="#6e7681"',
  31: 'fill="#ff7b72"',
  32: 'fill="#3fb950"',
  33: 'fill="#d29922"',
};

/**
 * The dark background is part of the picture, so that it can be read on a light page and on a dark one.
 *
 * @param session lines; those that somebody typed begin with "$ "
 */
export function draw(session: string, description: string): string {
  const lines = session.trimEnd().split("\n").flatMap(fold);
  const width = Math.ceil(COLUMNS * FONT * ADVANCE) + 2 * PADDING;
  const height = lines.length * LINE + 2 * PADDING;
  const text = lines.map((line, index) => {
    const style = line.startsWith("$ ") ? ' fill="#fff" font-weight="bold"' : "";
    return `<text${style} x="${PADDING}" y="${PADDING + FONT + index * LINE}" xml:space="preserve">${painted(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(description)}</title>
<rect width="${width}" height="${height}" rx="8" fill="#161b22"/>
<g font-family="${FAMILY}" font-size="${FONT}" fill="#c9d1d9">
${text.join("\n")}
</g>
</svg>
`;
}

/** Returns the text of a picture; lines that were folded stay so. */
export function textOf(picture: string): string {
  const lines = [...picture.matchAll(/<text[^>]*>(.*)<\/text>/g)].map(([, line]) => line!);
  return lines.map(line => unescaped(line.replaceAll(/<\/?tspan[^>]*>/g, ""))).join("\n");
}

/** Colours become parts of the line. */
function painted(line: string): string {
  return escaped(line).replaceAll(
    /\x1b\[(\d+)m(.*?)\x1b\[0m/g,
    (_, code: string, text: string) => `<tspan ${STYLES[code]}>${text}</tspan>`,
  );
}

/** Breaks a long line before a word, as a terminal would later, and indents the rest. */
function fold(line: string): string[] {
  const end = stripVTControlCharacters(line).length > COLUMNS ? line.lastIndexOf(" ", COLUMNS) : -1;
  return end <= 0 ? [line] : [line.slice(0, end), ...fold(`    ${line.slice(end + 1)}`)];
}

const ENTITIES = [
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
] as const;

function escaped(text: string): string {
  return ENTITIES.reduce((text, [character, entity]) => text.replaceAll(character, entity), text);
}

function unescaped(text: string): string {
  return ENTITIES.reduceRight((text, [character, entity]) => text.replaceAll(entity, character), text);
}
