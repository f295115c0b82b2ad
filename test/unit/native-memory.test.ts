// Giving memory back.

import { expect, test } from "@jest/globals";
import { runNode } from "../support/native.js";

test("trim lets go of free heap and program text, and all goes on working, on other threads too", async () => {
  const { status, output, errors } = await runNode(`
    import { readFileSync } from "node:fs";
    import { promisify } from "node:util";
    import { gunzip, gzip } from "node:zlib";
    const resident = () => Number(/^RssFile:\\s*(\\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
    const before = resident();
    const underWay = promisify(gzip)(Buffer.alloc(10_000_000, "x"));
    for (let count = 0; count < 20; count++) native.trim();
    const after = resident();
    const text = String(await promisify(gunzip)(await underWay));
    console.log(after < before / 2, text.length, new Function("return 6 * 7")());`);
  expect({ status, output, errors }).toEqual({ status: 0, output: "true 10000000 42\n", errors: "" });
});
