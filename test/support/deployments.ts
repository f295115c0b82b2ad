// Release directories of an app, and the link `current` that a deployment points at one of them.

import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { APPS } from "./supervisor.js";

/** What a client is told by what is in that directory: see test/apps/answer.py. */
const ANSWERING = (version: string) => `#!/usr/bin/python3 -IS
import sys
sys.argv[1:] = ["${version}"]
exec(open("${APPS}answer.py").read())
`;

/** It ends before it is ready. */
export const BROKEN = "#!/usr/bin/python3 -IS\nraise SystemExit(3)\n";

/** Ways to start what `current` leads to: what `zerodown run` is told, and what a unit is. */
export const WAYS: readonly [string, Way][] = [
  [
    "--working-directory, and a relative script",
    directory => ({ options: `--working-directory ${directory}/current`, command: "python3 -IS app" }),
  ],
  [
    "--working-directory, and a relative program",
    directory => ({ options: `--working-directory ${directory}/current`, command: "./app" }),
  ],
  ["an absolute program", directory => ({ command: `${directory}/current/app` })],
  ["an argument with the script's path", directory => ({ command: `python3 -IS ${directory}/current/app` })],
];

export type Way = (directory: string) => { readonly options?: string; readonly command: string };

/** Puts a release there, and returns its path. */
export function release(directory: string, name: string, app = ANSWERING(name)): string {
  const path = `${directory}/releases/${name}`;
  mkdirSync(path, { recursive: true });
  writeFileSync(`${path}/app`, app, { mode: 0o755 });
  return path;
}

/** Points `current` at a release in one step, as deployments do. */
export function deploy(directory: string, name: string): void {
  symlinkSync(`releases/${name}`, `${directory}/current.new`);
  renameSync(`${directory}/current.new`, `${directory}/current`);
}
