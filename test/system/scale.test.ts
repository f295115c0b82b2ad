// Many sockets, many generations that drain, and more environment than the kernel takes, beside a real systemd.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { isAlive } from "../support/processes.js";
import { Puppet } from "../support/puppet.js";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { removeUnits } from "../support/unit.js";

afterEach(removeUnits);

test("1,000 sockets reach every generation, in their order, and the generation may notify", async () => {
  const socket = Array.from({ length: 1000 }, (_, index) => `ListenStream=@zerodown-scale-${process.pid}-${index}`);
  const puppet = new Puppet({
    socket: ["ListenStream=", ...socket, "FileDescriptorName=many"],
    // Else systemd 252 itself fails (202/FDS): its default is 1024, and it has some of its own.
    service: ["LimitNOFILE=4096"],
  });
  await puppet.unit.start();
  const first = await puppet.describe(1);
  expect(first).toHaveLength(1000);
  expect(new Set(first).size).toBe(1000);
  expect(first.at(-1)).toMatch(/^1002 many socket:/);
  await puppet.unit.reload();
  // The supervisor's own lines would be in between.
  await puppet.unit.log.next(/generation 1 .* drained/);
  expect(await puppet.describe(2)).toEqual(first);
  const { sockets } = JSON.parse(
    execFileSync(ZERODOWN, ["status", "--user", "--json", puppet.unit.service], { encoding: "utf8" }),
  );
  expect(sockets.at(-1)).toMatchObject({ fd: 1002, address: `stream @zerodown-scale-${process.pid}-999` });
});

test("50 generations drain at once, systemd is told of it, and all of them end with the stop", async () => {
  const puppet = new Puppet({ options: "--stop-timeout 300s" });
  const { unit } = puppet;
  await unit.start();
  for (let generation = 1; generation <= 50; generation++) {
    await puppet.run("ignore", generation);
    await unit.reload();
  }
  await unit.serving(51);
  expect(await unit.property("StatusText")).toMatch(
    /^Generation 51 \(pid \d+\) serving; draining: generation 1, 2, .*, 20 and 30 more$/,
  );
  const pids = await Promise.all(Array.from({ length: 51 }, (_, index) => puppet.waits(index + 1)));
  expect(pids.filter(isAlive)).toHaveLength(51);
  expect(unit.log.matching(/did not stop in time|failed|internal error/)).toEqual([]);
  const stopped = unit.stop();
  await unit.log.next(/SIGTERM: stopping/);
  // The second signal ends the patience with those that ignore the first.
  process.kill(await unit.mainPid(), "SIGINT");
  await stopped;
  expect(pids.filter(isAlive)).toEqual([]);
  expect(unit.log.matching(/generation \d+ \(pid \d+\) was killed by a second Ctrl-C$/)).toHaveLength(50);
}, 300_000);

test.each([
  [
    "one variable is longer than 128 KiB",
    `LONG=${"x".repeat(131_072)}\n`,
    /arguments and environment have \d+ bytes, LONG the most with 131078; Linux takes 131072 each/,
  ],
  [
    "all of it is longer than a quarter of the stack may be",
    Array.from({ length: 40 }, (_, index) => `MANY_${index}=${"x".repeat(65_536)}\n`).join(""),
    /arguments and environment have 26\d{5} bytes, MANY_10 the most with 65545; .* a quarter of LimitSTACK=/,
  ],
])("a reload fails, and says which variable is the longest, when %s", async (_, text, why) => {
  const { path, remove } = temporaryDirectory();
  const file = `${path}/env`;
  writeFileSync(file, "");
  const { unit } = new Puppet({ options: `--env-file ${file}` });
  await unit.start();
  writeFileSync(file, text);
  expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
  remove();
  expect(await unit.log.next(/^zerodown: reload failed/)).toMatch(why);
  expect(unit.log.lines.join("\n")).not.toContain("xxx");
});
