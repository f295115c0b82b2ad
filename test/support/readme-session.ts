// Does what the documentation says, beside a system's own manager.

import { blocksOf, blockWith } from "./doc-blocks.js";
import { besideSystemManager } from "./system-manager.js";

/** What the pages take for granted: a Node at that path, and README's Node app in /srv/app, with the library. */
const PREPARE = `
[ -x /usr/bin/node ] || ln -s "$(command -v node)" /usr/bin/node
mkdir -p /srv/app/node_modules
ln -s "$PROJECT" /srv/app/node_modules/zerodown
cat >/srv/app/server.js <<'CODE'
${blocksOf("README.md", "js")[0]}CODE
`;

/** Types each command as into a terminal, where curl shows no progress, and goes on whether it fails or not. */
const TYPE = `
echo silent >~/.curlrc
type() {
  echo "$ $1"
  eval "$1" 2>&1 || true
}
`;

/** README's three commands for a service. */
export const INSTALL_SERVICE = blockWith("README.md", "sh", "zerodown unit");

/** The same, without what they print. */
export const SERVICE_INSTALLED = `{ ${INSTALL_SERVICE.trimEnd().replaceAll("\n", "; ")}; } >/dev/null 2>&1\n`;

/**
 * Returns the lines that a terminal would show.
 *
 * @param commands a command a line
 * @param setup runs before, untyped
 */
export function typed(commands: string, setup = ""): string[] {
  const type = (command: string) => `type '${command.replaceAll("'", "'\\''")}'`;
  return besideSystemManager([PREPARE, TYPE, setup, ...commands.trim().split("\n").map(type)].join("\n"));
}

/**
 * Makes texts equal that differ only in pids, times, sizes and versions, in where they are folded, and in whether the old
 * generation still drains.
 */
export function comparable(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(?<!generation )(?<![\w:])\d+(\.\d+)*/gi, "#")
    .replaceAll(/, generation \d+ \(pid #\) draining/g, "")
    .replaceAll(/#(d|h|min|s|ms|us)\b( #(h|min|s|ms|us)\b)*/g, "TIME")
    .trim();
}
