// The Debian packages, read by lintian and unpacked.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, expect, test } from "@jest/globals";
import { ROOT } from "../support/supervisor.js";

const PACKAGES = `${ROOT}build/packages`;
const debs = readdirSync(PACKAGES).filter(file => file.endsWith(".deb"));
const directory = mkdtempSync(`${tmpdir()}/zerodown-deb-`);
afterAll(() => rmSync(directory, { recursive: true }));

test("there are two for each architecture", () => {
  expect(debs.map(deb => deb.replace(/_.*_/, " "))).toEqual([
    "zerodown-standalone amd64.deb",
    "zerodown-standalone arm64.deb",
    "zerodown amd64.deb",
    "zerodown arm64.deb",
  ]);
});

test.each(debs)(
  "lintian finds nothing in %s",
  deb => {
    expect(execFileSync("lintian", ["--allow-root", `${PACKAGES}/${deb}`]).toString()).toBe("");
  },
  180_000,
);

test.each(debs.filter(deb => !deb.includes("standalone")))("%s brings the binaries of its architecture alone", deb => {
  execFileSync("dpkg-deb", ["--extract", `${PACKAGES}/${deb}`, `${directory}/${deb}`]);
  const arch = deb.includes("arm64") ? "arm64" : "x64";
  const binaries = readdirSync(`${directory}/${deb}/usr/lib/zerodown/dist`).filter(file => /(?:arm64|x64)/.test(file));
  expect(binaries.sort()).toEqual([`zerodown-${arch}.node`, `zerodown-reload-${arch}`].sort());
});
