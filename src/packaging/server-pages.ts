// Writes what docs say of servers, from the table of `zerodown unit --for`: docs/servers.md between its comments, and the units in
// docs/examples/servers: `make servers`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { argv } from "node:process";
import { optionOf, type Server } from "../cli/unit/server.js";
import { SERVERS, WITHOUT_UNIT } from "../cli/unit/servers.js";
import { unitFiles } from "../cli/unit.js";
import { FIGURES, type ServerFigures } from "./server-figures.js";

type Figures = Readonly<Record<string, ServerFigures>>;

/** docs/servers.md, with the servers as the table has them, and what they have lost. */
export function withServers(page: string, figures: Figures): string {
  const parts: Record<string, string> = { table: table(figures), sections: sections() };
  return page.replace(
    /^(<!-- (table|sections) -->\n)[\s\S]*?(?=^<!-- end -->)/gm,
    (_, start: string, name: string) => start + parts[name],
  );
}

/** By their paths in docs/examples/servers. */
export function exampleUnits(): Map<string, string> {
  const units = Object.keys(SERVERS).flatMap(name =>
    unitFiles(["--for", name, "--zerodown", "/usr/bin/zerodown"]).map(
      ({ path, text }) => [`${name}/${basename(path)}`, text] as const,
    ),
  );
  return new Map(units);
}

function table(figures: Figures): string {
  const rows = entries().map(([name, server]) => [
    `[${server.title}](#${name})`,
    server.socket,
    optionOf(server, "--ready", "notify"),
    optionOf(server, "--stop-signal", "SIGINT"),
    server.isProbed ? "yes" : "no",
    ...lost(figures[name]),
  ]);
  const others = Object.entries(WITHOUT_UNIT).flatMap(([name, { title }]) =>
    figures[name]
      ? [[`[${title}](#without-a-unit)`, "none: with net.ipv4.tcp_migrate_req=1", "", "", "no", ...lost(figures[name])]]
      : [],
  );
  const head = ["server", "how it takes the socket", "ready", "stop", "http probes", "lost, new", "lost, kept"];
  return [head, head.map(() => "---"), ...rows, ...others].map(cells => `| ${cells.join(" | ")} |\n`).join("");
}

/** On new connections, and on kept ones. */
function lost(figures: ServerFigures | undefined): string[] {
  return figures ? [figures.fresh, figures.kept].map(([lost, of]) => `${lost} of ${of}`) : ["untried", "untried"];
}

function sections(): string {
  return entries().map(section).join("\n") + others();
}

function section([name, { title, files, notes, environment, listen, command, options }]: [string, Server]): string {
  const place = `examples/servers/${name}`;
  const links = ["app.service", "app.socket", ...files].map(file => `[${file}](${place}/${file})`);
  const run = ["zerodown run", ...options, "--", ...command.map(word => (/[\s<&]/.test(word) ? `'${word}'` : word))];
  return `### ${name}

${title}: ${links.join(", ")}

${[...environment([listen]), run.join(" ")].map(line => `    ${line}\n`).join("")}
${notes.map(note => `- ${note}\n`).join("")}`;
}

function others(): string {
  const lines = Object.entries(WITHOUT_UNIT).map(([name, { title, why }]) => `- **${name}** (${title}): ${why}.\n`);
  return `
### Without a unit

${lines.join("")}`;
}

function entries(): [string, Server][] {
  return Object.entries<Server>(SERVERS);
}

const [, script, docs] = argv;
if (script === import.meta.filename && docs !== undefined) {
  const figures = JSON.parse(readFileSync(`${docs}/${FIGURES}`, "utf8"));
  writeFileSync(`${docs}/servers.md`, withServers(readFileSync(`${docs}/servers.md`, "utf8"), figures));
  for (const [path, text] of exampleUnits()) {
    mkdirSync(dirname(`${docs}/examples/servers/${path}`), { recursive: true });
    writeFileSync(`${docs}/examples/servers/${path}`, text);
  }
}
