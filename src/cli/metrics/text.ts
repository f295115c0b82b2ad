// Metrics in Prometheus's text format, version 0.0.4: what node_exporter's textfile collector reads. (It doesn't read
// OpenMetrics, where a counter's family has another name than its samples.)

import { FAMILIES, type Family, type Row, type Sample } from "./families.js";

export function formatMetrics(samples: readonly Sample[]): string {
  return FAMILIES.map(family => formatFamily(family, samples)).join("");
}

function formatFamily(family: Family, samples: readonly Sample[]): string {
  const { name, type, help, rows } = family;
  const lines = samples.flatMap(sample => rows(sample).map(row => formatRow(name, sample, row)));
  return lines.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function formatRow(name: string, { unit }: Sample, { suffix, labels = {}, value }: Row): string {
  const all = Object.entries({ unit: unit.Id, ...labels }).map(([label, text]) => `${label}="${quote(String(text))}"`);
  return `${name}${suffix ?? ""}{${all.join(",")}} ${value}\n`;
}

function quote(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
