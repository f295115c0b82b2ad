// What the addons ask of the system's libraries: no more than Node 20 asks for itself.

import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { ROOT } from "../support/supervisor.js";

test.each(["x64", "arm64"])("the addon for %s loads with glibc 2.28, and needs the C library alone", arch => {
  const addon = `${ROOT}dist/zerodown-${arch}.node`;
  const read = (what: string) => execFileSync("readelf", ["--wide", what, addon]).toString();
  const versions = [...read("--version-info").matchAll(/Name: GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  expect(versions.length).toBeGreaterThan(0);
  expect(versions.filter(minor => minor > 28)).toEqual([]);
  expect([...read("--dynamic").matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)).toEqual(["libc.so.6"]);
});
