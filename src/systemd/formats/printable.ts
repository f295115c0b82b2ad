// Makes text that others wrote fit for a terminal.

/** Removes what a terminal would take for a command: control characters, also those of 8 bits. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, " ");
}
