// Describes the machine on which the numbers were measured.

import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";

export function describeHost(): string {
  const [cpu] = cpus();
  const systemd = /^systemd (\d+)/.exec(spawnSync("systemctl", ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1];
  return [
    `${cpus().length} × ${cpu!.model.trim()}`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Linux ${release()}`,
    ...(systemd ? [`systemd ${systemd}`] : []),
    `Node ${process.version}`,
    new Date().toISOString().slice(0, 10),
  ].join(", ");
}
