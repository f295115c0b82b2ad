// A candidate is one way to put new code into service; the measuring asks this of it.

import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { ROOT } from "../support/supervisor.js";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Candidate {
  readonly name: string;
  /** Why it can't be tried here; undefined when it can. */
  missing?(): string | undefined;
  /** Resolves when it is on its way to serve. */
  start(address: Address): Promise<Running>;
}

export interface Running {
  /** The process that runs beside the app's. */
  readonly supervisor?: number;
  /** Asks for new code by the command that an operator would use. Without it nothing is reloaded. */
  reload?(): Promise<unknown>;
  /** Ends it, and leaves nothing behind. */
  stop(): Promise<unknown>;
}

/** How the app of a peer ends: in Node's own way or, so that only the supervisors differ, as Zerodown's example does. */
export type Drain = "close" | "example";

export const DRAINS: Readonly<Record<Drain, string>> = { close: "server.close()", example: "our example's drain" };

export const BENCH_APPS = `${ROOT}test/bench/apps/`;
/** Arguments for Node that make the app boot for 300 ms. */
export const BOOTING = ["--import", `${BENCH_APPS}boot.mjs`] as const;
/** A Node app, and what it is told by its environment. */
export interface Program {
  /** Arguments for Node. */
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

export const PEERS_APP: Program = { args: [...BOOTING, `${BENCH_APPS}app.mjs`], variables: {} };

/** The packages of test/bench/packages/package.json are installed here. */
export const PACKAGES = `${ROOT}build/bench/`;

/** Runs a command without blocking; rejects when it fails, and after 60 s. */
export async function run(file: string, args: readonly string[], env = process.env): Promise<string> {
  const { stdout } = await promisify(execFile)(file, args, { env, timeout: 60_000 });
  return stdout;
}

export function isInstalled(command: string): boolean {
  return spawnSync("which", [command]).status === 0;
}
