// What our binaries ask of the system's libraries: no more than Node 20 asks for itself.

import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { ROOT } from "../support/supervisor.js";

const BINARIES = ["x64", "arm64"].flatMap(arch => [`zerodown-${arch}.node`, `zerodown-reload-${arch}`]);

test.each(BINARIES)("%s loads with glibc 2.28, and needs the C library alone", file => {
  const read = (what: string) => execFileSync("readelf", ["--wide", what, `${ROOT}dist/${file}`]).toString();
  const versions = [...read("--version-info").matchAll(/Name: GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  expect(versions.length).toBeGreaterThan(0);
  expect(versions.filter(minor => minor > 28)).toEqual([]);
  expect([...read("--dynamic").matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)).toEqual(["libc.so.6"]);
});
