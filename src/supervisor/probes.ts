// What is run about a process: the probes of a candidate, commands and http:/PATH; and --before-drain, for one that is to stop.

import { constants } from "node:os";
import { formatEnvironment } from "../launcher/received.js";
import type { Effect } from "../machine/effects.js";
import type { Address, Happening } from "../machine/events.js";
import type { ProbeFailure } from "../machine/outcome.js";
import { endText } from "../machine/probe-words.js";
import { actorsOf, findActor, isLeaving, isProbed, isProbing, isTrial } from "../machine/state.js";
import { nameAt } from "../machine/words.js";
import { probeEnvironment } from "../systemd/as-manager/child-environment.js";
import { pidsOf } from "./acceptance.js";
import type { GenerationProcess } from "./generation.js";
import { hookStart } from "./hook.js";
import { standingOf } from "./launch.js";
import type { SupervisorOptions } from "./options.js";
import { putIn } from "./placeholders.js";
import { ProbeCommand, type ProbeListener, type ProbeStart, type SavedProbe } from "./probe-command.js";
import { placeOf } from "./release.js";
import type { Supervisor } from "./supervisor.js";

/** How long an answer may take until somebody looks whether it can come, ms. */
const ANSWER_PATIENCE = 2000;
const PROBE_SOCKET_CURE =
  'it must listen on $ZERODOWN_PROBE_FD ("probe" in $LISTEN_FDNAMES, {fd:probe}) as well, or be probed by a COMMAND';

type Probe = Omit<Extract<Effect, { type: "probe" }>, "type">;
type Subject = Pick<GenerationProcess, "pid" | "cgroup" | "probeSocket" | "ownDirectory" | "hasEnded">;
type Done = (failure: ProbeFailure | null) => void;

/** A probe, or (null) --before-drain of a process that is to stop. */
type About = Probe | (Address & { readonly probe: null });

/** Commands, and what each is about: plain data, which JSON can hold. */
export type SavedProbes = readonly { readonly about: About; readonly command: SavedProbe }[];

export class Probes {
  /** What ends each. */
  private readonly running = new Map<About, () => void>();
  /** The commands that have not been waited for yet, and what each is about. */
  private readonly commands = new Map<ProbeCommand, About>();

  constructor(
    private readonly supervisor: Pick<Supervisor, "state" | "releases" | "processOf">,
    private readonly options: Pick<SupervisorOptions, "launch" | "outside" | "log">,
    private readonly happened: (event: Happening) => void,
  ) {}

  /** Goes on with commands that another supervisor has started; what was asked by HTTP is asked again. */
  adopt(saved: SavedProbes): void {
    for (const { about, command } of saved) {
      const { outside } = this.options;
      const end = this.follow(about, listener => ProbeCommand.adopt(command, listener, outside, this.onGone));
      if (this.isWanted(about)) this.running.set(about, end);
      else end();
    }
    const answersFor = ({ generation, process }: Address) =>
      [...this.running.keys()].some(about => about.generation === generation && about.process === process);
    for (const { generation, process } of this.supervisor.state.generations.flatMap(actorsOf)) {
      const about = { generation: generation.number, process: process.number };
      if (answersFor(about)) continue;
      if (isProbing(process)) this.begin({ ...about, probe: process.probe! });
      if (isLeaving(this.supervisor.state, about)) this.leave(about);
    }
  }

  save(): SavedProbes {
    return [...this.commands].map(([command, about]) => ({ about, command: command.save() }));
  }

  /** The pids of commands that nobody has waited for. */
  get unreaped(): number[] {
    return [...this.commands.keys()].map(({ pid }) => pid);
  }

  begin({ generation, process, probe: index }: Probe): void {
    const probe = { generation, process, probe: index };
    const subject = this.supervisor.processOf(probe)!;
    const done = this.doneWith(probe);
    try {
      const what = this.command(index, probe, subject);
      const path = /^http:(\/.*)$/.exec(what)?.[1];
      this.running.set(probe, path ? this.ask(path, probe, subject, done) : this.run(what, probe, subject));
    } catch (error) {
      done({ kind: "error", error: (error as Error).message });
    }
  }

  private doneWith(probe: Probe): Done {
    const subject = this.supervisor.processOf(probe);
    return failure => {
      this.running.delete(probe);
      this.happened({ type: "probed", ...probe, failure, posthumous: subject?.hasEnded ?? true });
    };
  }

  /** Ends those that mean nothing any more. */
  heed(): void {
    for (const [about, end] of this.running) {
      if (this.isWanted(about)) continue;
      this.running.delete(about);
      end();
    }
  }

  /** Runs --before-drain for a process that is to stop. Whatever comes of it, the process is told to stop then. */
  leave({ generation: number, process: which }: Address): void {
    const about = { generation: number, process: which, probe: null };
    const { launch, outside } = this.options;
    try {
      const { generation, process } = findActor(this.supervisor.state, number, which)!;
      const start = hookStart(launch.beforeDrainCommand!, launch, {
        ZERODOWN_GENERATION: number,
        ZERODOWN_WORKER: process.workers > 1 ? process.slot : null,
        ZERODOWN_PID: this.supervisor.processOf(about)!.pid,
        ZERODOWN_RELEASE: generation.release,
      });
      const end = this.follow(about, listener => ProbeCommand.start(start, listener, outside, this.onGone));
      this.running.set(about, end);
    } catch (error) {
      this.left(about, `could not be started: ${(error as Error).message}`);
    }
  }

  private left(about: About, problem?: string): void {
    this.running.delete(about);
    const name = nameAt(this.supervisor.state, about, this.supervisor.processOf(about)?.pid);
    if (problem !== undefined) this.options.log("warning", `--before-drain of ${name} ${problem}`);
    this.happened({ type: "left", generation: about.generation, process: about.process });
  }

  private isWanted(about: About): boolean {
    const { state } = this.supervisor;
    return about.probe === null ? isLeaving(state, about) : isProbed(state, about);
  }

  private command(index: number, about: Address, { ownDirectory }: Subject): string {
    const { launch } = this.options;
    const { state, releases } = this.supervisor;
    const { generation, process } = findActor(state, about.generation, about.process)!;
    const [at, release] = [{ generation: generation.number, slot: process.slot }, releases.get(generation.release)!];
    return putIn(launch.probes[index]!, standingOf({ ...at, ownDirectory }, release, launch));
  }

  /** Asks by HTTP, and says it when nobody is seen to be there to answer. @returns what ends it */
  private ask(path: string, about: Probe, subject: Subject, done: Done): () => void {
    const { outside, log } = this.options;
    const cancel = outside.after(ANSWER_PATIENCE, () => {
      const { listening } = subject.probeSocket!;
      const { sockets, hidden, obstacles } = outside.lookForWaiting([listening], pidsOf(subject));
      if (sockets.size > 0 || hidden.length > 0 || obstacles.size > 0) return;
      const name = nameAt(this.supervisor.state, about, subject.pid);
      log("notice", `${name} isn't seen to accept on the socket of its probes: ${PROBE_SOCKET_CURE}`);
    });
    const end = askHttp(path, subject, failure => {
      cancel();
      done(failure);
    });
    return () => {
      cancel();
      end();
    };
  }

  private run(command: string, about: Probe, subject: Subject): () => void {
    const start = { command, cgroup: subject.cgroup, ...this.surroundings(about, subject) };
    return this.follow(about, listener => ProbeCommand.start(start, listener, this.options.outside, this.onGone));
  }

  /** @returns what ends it */
  private follow(about: About, start: (listener: ProbeListener) => ProbeCommand): () => void {
    const pid = this.supervisor.processOf(about)?.pid;
    const says = about.probe === null ? "--before-drain of" : "a probe of";
    const command = start({
      onLine: line => {
        this.options.log("info", `${says} ${nameAt(this.supervisor.state, about, pid)} says: ${line}`);
      },
      onEnd: (end, lastLine) => {
        const isGood = "status" in end && end.status === 0;
        if (about.probe === null) this.left(about, isGood ? undefined : endText(end));
        else this.doneWith(about)(isGood ? null : { kind: "ended", end, lastLine });
      },
    });
    this.commands.set(command, about);
    return () => command.end();
  }

  /** Those of the process that it probes. */
  private surroundings(about: Address, { pid, probeSocket }: Subject): Omit<ProbeStart, "command" | "cgroup"> {
    const { launch } = this.options;
    const { state, releases } = this.supervisor;
    const { generation, process } = findActor(state, about.generation, about.process)!;
    const release = releases.get(generation.release)!;
    const variables = probeEnvironment(
      launch.environment,
      release.variables,
      {
        generation: generation.number,
        supervisorPid: globalThis.process.pid,
        slot: process.slot,
        workers: process.workers,
        isTrial: isTrial(generation),
      },
      { pid, probeSocket: probeSocket!.path },
    );
    return {
      environment: formatEnvironment(variables),
      directory: placeOf(release, launch).directory,
      ignoredSignal: launch.ignoresSigpipe ? constants.signals.SIGPIPE : 0,
      fileLimit: launch.fileLimit,
    };
  }

  private readonly onGone = (gone: ProbeCommand) => void this.commands.delete(gone);
}

/** The module is loaded with the first: a supervisor that asks nothing does without node:http. */
function askHttp(path: string, { probeSocket }: Subject, done: Done): () => void {
  let isWanted = true;
  let end = () => {};
  void import("./probe-http.js").then(({ askHttp }) => {
    if (isWanted) end = askHttp(probeSocket!.path, path, done);
  });
  return () => {
    isWanted = false;
    end();
  };
}
