// STATUS= fits into the messages that systemd takes, whatever happens.

import { expect, test } from "@jest/globals";
import { Machine } from "../../support/machine.js";

/** systemd drops what is longer. */
const LONGEST = 4096;

test("with 1,000 generations draining, and the longest status that is kept, no message is too long", () => {
  const machine = Machine.serving();
  const said: string[] = [];
  for (let generation = 2; generation <= 1001; generation++) {
    said.push(...machine.reload(), ...machine.spawned(generation), ...machine.ready(generation));
  }
  said.push(...machine.says(1001, { status: "語".repeat(1024) }));
  expect(said.at(-1)).toMatch(/語; draining: generation 1, 2, .*, 20 and 980 more$/);
  said.push(...machine.stop());
  const sent = said.filter(text => text.startsWith("systemd: "));
  expect(sent.at(-1)).toMatch(/: waiting for generation 1 \(pid 101\), .* and 981 more$/);
  expect(sent.filter(text => Buffer.byteLength(text) > LONGEST)).toEqual([]);
});
