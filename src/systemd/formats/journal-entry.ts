// An entry of systemd's journal in its native protocol.

const LINE_FEED = 0x0a;

/** A value that has a line feed in it is preceded by its length, so that it may hold anything. Names are A to Z, 0 to 9 and _. */
export function journalEntry(fields: Readonly<Record<string, string | number | null>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : field(name, Buffer.from(String(value))))),
  );
}

function field(name: string, value: Buffer): Buffer[] {
  if (!value.includes(LINE_FEED)) return [Buffer.from(`${name}=`), value, Buffer.of(LINE_FEED)];
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return [Buffer.from(`${name}\n`), length, value, Buffer.of(LINE_FEED)];
}
