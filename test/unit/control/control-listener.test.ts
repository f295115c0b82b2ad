// The control socket's server is on its own here, with methods of the test.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { callSupervisor } from "../../../src/control/client.js";
import { ControlListener } from "../../../src/control/listener.js";
import { Lines } from "../../support/lines.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
let listener: ControlListener;
let problems: Lines;
beforeEach(() => {
  directory = temporaryDirectory();
  problems = new Lines();
});
afterEach(() => {
  listener.close();
  directory.remove();
});

type Methods = ConstructorParameters<typeof ControlListener>[1];

function listen(methods: Methods): void {
  listener = new ControlListener(`${directory.path}/control`, methods, what => problems.add(`${what}\n`));
}

const call = (method: string) => callSupervisor(listener.path, method, {});

test.each<[string, Methods]>([
  [
    "a method that throws",
    async () =>
      new Map([
        [
          "tech.fornaxian.zerodown.Fails",
          () => {
            throw new Error("unforeseen");
          },
        ],
      ]),
  ],
  ["methods that can't be loaded", () => Promise.reject(new Error("unforeseen"))],
])("%s: it is told, and the client is cut off, each time", async (_, methods) => {
  listen(methods);
  // These are more clients than there are places for.
  for (let count = 0; count < 20; count++) {
    const from = problems.count;
    await expect(call("Fails")).rejects.toThrow("the supervisor ");
    expect(await problems.next(/./, from)).toMatch(/^the control socket cuts a client off: Error: unforeseen$/);
  }
});
