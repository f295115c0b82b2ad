// Time spans as systemd.time(7) writes them.

/** systemd counts in 64 bits. */
const LIMIT = 2 ** 64;

const MICROSECONDS = new Map<string, number>();
for (const [names, value] of [
  ["usec us µs μs", 1],
  ["msec ms", 1e3],
  ["seconds second sec s", 1e6],
  ["minutes minute min m", 60e6],
  ["hours hour hr h", 3600e6],
  ["days day d", 86400e6],
  ["weeks week w", 7 * 86400e6],
  ["months month M", 2629800e6],
  ["years year y", 31557600e6],
] as const) {
  for (const name of names.split(" ")) MICROSECONDS.set(name, value);
}

/**
 * Reads a time span: "90", "90s", "5min", "1h 30min", "1.5s", "infinity".
 *
 * @returns microseconds; `Infinity` for "infinity"
 * @throws {RangeError} when the text isn't a time span
 */
export function parseTimeSpan(text: string): number {
  const trimmed = text.trim();
  if (trimmed === "infinity") return Number.POSITIVE_INFINITY;
  let total = 0;
  let rest = trimmed;
  while (rest !== "") {
    // Without a unit, a blank or the end must follow: "1.2.3" is nothing.
    const [part, number, unit = "s"] =
      /^(\d+(?:\.\d+)?|\.\d+)(?:\s*([a-zA-Z\u00b5\u03bc]+)|(?=\s|$))\s*/.exec(rest) ?? [];
    const factor = MICROSECONDS.get(unit);
    if (part === undefined || factor === undefined) break;
    total += Number(number) * factor;
    rest = rest.slice(part.length);
  }
  if (rest !== "" || trimmed === "" || total >= LIMIT)
    throw new RangeError(`"${text}" isn't a time span (90, 90s, 5min, 1h 30min, infinity)`);
  return Math.round(total);
}

/** Writes a time span for people: "312ms", "1.2s", "5min 3s", "infinity". */
export function formatTimeSpan(microseconds: number): string {
  if (microseconds === Number.POSITIVE_INFINITY) return "infinity";
  if (microseconds < 1e3) return `${Math.round(microseconds)}us`;
  if (microseconds < 999_500) return `${Math.round(microseconds / 1e3)}ms`;
  if (microseconds < 59_950_000) return `${Number((microseconds / 1e6).toFixed(1))}s`;
  const parts: string[] = [];
  let rest = Math.round(microseconds / 1e6);
  for (const [unit, seconds] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const) {
    if (rest >= seconds) parts.push(`${Math.floor(rest / seconds)}${unit}`);
    rest %= seconds;
  }
  return parts.join(" ");
}
