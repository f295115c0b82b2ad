// units/hello.service serves these: releases of the example app below /srv/hello, of which `current` is one.

import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { EXAMPLE_APP } from "./supervisor.js";

const HOME = "/srv/hello";

/** Makes a release of the example app with another greeting, and points `current` at it. */
export function release(greeting: string): void {
  deploy(greeting, readFileSync(EXAMPLE_APP, "utf8").replace('"Hello"', `"${greeting}"`));
}

/** Makes a release of whatever code, and points `current` at it in one go. */
export function deploy(name: string, code: string): void {
  mkdirSync(`${HOME}/releases/${name}`, { recursive: true });
  writeFileSync(`${HOME}/releases/${name}/app.mjs`, code);
  symlinkSync(`releases/${name}`, `${HOME}/next`);
  renameSync(`${HOME}/next`, `${HOME}/current`);
}

export function removeReleases(): void {
  rmSync(HOME, { recursive: true, force: true });
}
