// The kernel takes names and values for bytes, JavaScript for text. A string of bytes has a character of Latin-1 for
// each, so that what isn't UTF-8 survives.

/** The bytes of a text, which is UTF-8 to everybody else. */
export function toBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Makes text that people can read. */
export function toText(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString();
}

/** A path for node:fs. */
export function toPath(bytes: string): Buffer {
  return Buffer.from(bytes, "latin1");
}
