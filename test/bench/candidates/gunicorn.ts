// gunicorn, reloaded by its two signals: docs.gunicorn.org, "Signal Handling". Its threads keep connections, as its default
// workers don't.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryDirectory } from "../../support/supervisor.js";
import { BENCH_APPS, type Candidate, isInstalled } from "../candidate.js";

type Variables = Readonly<Record<string, string>>;

/** HUP: new workers are started, and the old ones gracefully shut down. */
export function gunicornHup(workers: number, variables: Variables): Candidate {
  return gunicorn("HUP", workers, variables, async ({ pidFile }) => {
    process.kill(readPid(pidFile), "SIGHUP");
  });
}

/** USR2 starts a new master beside the old one. When its workers have booted, WINCH and TERM phase the old one out. */
export function gunicornUsr2(workers: number, variables: Variables): Candidate {
  return gunicorn("USR2", workers, variables, async ({ pidFile, booted }) => {
    const before = readdirSync(booted).length;
    const old = readPid(pidFile);
    process.kill(old, "SIGUSR2");
    await until(() => readdirSync(booted).length >= before + workers);
    process.kill(old, "SIGWINCH");
    process.kill(old, "SIGTERM");
    await until(() => readPid(pidFile) !== old);
  });
}

interface Place {
  readonly pidFile: string;
  /** Each worker that has booted puts a file here. */
  readonly booted: string;
}

function gunicorn(
  how: string,
  workers: number,
  variables: Variables,
  reload: (place: Place) => Promise<void>,
): Candidate {
  return {
    name: `gunicorn, ${how}`,
    missing: () => (isInstalled("gunicorn") ? undefined : "the package gunicorn isn't installed"),
    async start({ host, port }) {
      const { path, remove } = temporaryDirectory();
      const place = { pidFile: `${path}/pid`, booted: `${path}/booted` };
      mkdirSync(place.booted);
      const args = [
        ...["--bind", `${host}:${port}`, "--workers", String(workers), "--pid", place.pidFile],
        ...["--worker-class", "gthread", "--threads", "16", "--keep-alive", "75", "--timeout", "60"],
        ...["--chdir", BENCH_APPS, "work:app"],
      ];
      const env = { ...process.env, ...variables, BOOTED: place.booted, PYTHONDONTWRITEBYTECODE: "1" };
      const first = spawn("gunicorn", args, { env, stdio: "ignore", detached: true });
      await until(() => readdirSync(place.booted).length >= workers);
      return {
        reload: () => reload(place),
        async stop() {
          await killAll(first);
          remove();
        },
      };
    },
  };
}

/** All masters are in the process group of the first. */
async function killAll(first: ChildProcess): Promise<void> {
  process.kill(-first.pid!, "SIGKILL");
  if (first.exitCode === null && first.signalCode === null) await once(first, "exit");
}

function readPid(file: string): number {
  return Number(readFileSync(file, "utf8"));
}

/** What throws isn't so yet. */
async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    try {
      if (holds()) return;
    } catch {
      // The file is being replaced.
    }
    await sleep(20);
  }
  throw new Error("gunicorn's workers have not booted within 60 s");
}
