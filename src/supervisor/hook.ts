// --on-event: a command that is told of each event. It is never waited for, and there is one at a time.

import { constants } from "node:os";
import { formatEnvironment } from "../launcher/received.js";
import type { News } from "../machine/news.js";
import type { End } from "../machine/outcome.js";
import { endText } from "../machine/probe-words.js";
import { hookEnvironment } from "../systemd/as-manager/child-environment.js";
import type { Launch } from "./launch.js";
import type { Log } from "./log.js";
import { newsFields } from "./news-fields.js";
import type { Outside } from "./outside.js";
import { ProbeCommand, type ProbeStart, type SavedProbe } from "./probe-command.js";
import { callAt } from "./timers.js";

/** How long one may run, µs. */
const PATIENCE = 30e6;
/** So many events wait at most; then the oldest is left out. */
const MOST_WAITING = 32;

interface Told {
  readonly news: News;
  /** The line of the log. */
  readonly text: string;
}

/** What it takes to go on where another supervisor has stopped: plain data, which JSON can hold. */
export interface SavedHook {
  /** `giveUpAt` is when it is killed, µs of the clock. */
  readonly running: { readonly command: SavedProbe; readonly giveUpAt: number } | null;
  readonly waiting: readonly Told[];
}

export class Hook {
  private running: { readonly command: ProbeCommand; readonly giveUpAt: number } | undefined;
  private waiting: Told[] = [];

  /** @param command a shell's, as bytes */
  constructor(
    private readonly command: string,
    private readonly launch: Surroundings,
    private readonly outside: Outside,
    private readonly log: Log,
  ) {}

  /** The one that another supervisor has started is ended by its limit, if not before. */
  adopt({ running, waiting }: SavedHook): void {
    this.waiting.push(...waiting);
    if (running) {
      const { command, giveUpAt } = running;
      const listener = this.listener("an event");
      this.follow(giveUpAt, onGone => ProbeCommand.adopt(command, listener, this.outside, onGone));
    }
    this.next();
  }

  save(): SavedHook {
    const running = this.running && { command: this.running.command.save(), giveUpAt: this.running.giveUpAt };
    return { running: running ?? null, waiting: this.waiting };
  }

  /** The pid of one that nobody has waited for. */
  get unreaped(): number[] {
    return this.running ? [this.running.command.pid] : [];
  }

  tell(news: News, text: string): void {
    this.waiting.push({ news, text });
    if (this.waiting.length > MOST_WAITING) {
      const [oldest] = this.waiting.splice(0, 1);
      this.log("warning", `--on-event: more than ${MOST_WAITING} events wait: ${nameOf(oldest!.news)} is left out`);
    }
    // When what is decided is done: systemd and the old generation come first.
    setImmediate(() => this.next());
  }

  private next(): void {
    while (!this.running) {
      const told = this.waiting.shift();
      if (!told) return;
      const { news, text } = told;
      const start = hookStart(this.command, this.launch, { ...newsFields(news), ZERODOWN_MESSAGE: text });
      try {
        const giveUpAt = this.outside.now() + PATIENCE;
        this.follow(giveUpAt, onGone => ProbeCommand.start(start, this.listener(nameOf(news)), this.outside, onGone));
      } catch (error) {
        this.log("warning", `--on-event of ${nameOf(news)} could not be started: ${(error as Error).message}`);
      }
    }
  }

  private follow(giveUpAt: number, begin: (onGone: () => void) => ProbeCommand): void {
    const command = begin(() => {
      clear();
      this.running = undefined;
      // What it has written last is logged first.
      setImmediate(() => this.next());
    });
    const clear = callAt(this.outside, giveUpAt, () => {
      this.log("warning", `--on-event has run for ${PATIENCE / 1e6}s and is killed`);
      command.end();
    });
    this.running = { command, giveUpAt };
  }

  private listener(name: string) {
    return {
      onLine: (line: string) => this.log("info", `--on-event of ${name} says: ${line}`),
      onEnd: (end: End) => {
        const hasWorked = "status" in end && end.status === 0;
        if (!hasWorked) this.log("warning", `--on-event of ${name} ${endText(end)}`);
      },
    };
  }
}

type Surroundings = Pick<Launch, "environment" | "ignoresSigpipe" | "fileLimit">;

/** @param event what is told in the environment; null for what isn't known */
export function hookStart(
  command: string,
  { environment, ignoresSigpipe, fileLimit }: Surroundings,
  event: Readonly<Record<string, string | number | null>>,
): ProbeStart {
  return {
    command,
    environment: formatEnvironment(hookEnvironment(environment, event)),
    // The app's may be the very thing that is broken.
    directory: "/",
    cgroup: undefined,
    ignoredSignal: ignoresSigpipe ? constants.signals.SIGPIPE : 0,
    fileLimit,
  };
}

function nameOf({ event, generation }: News): string {
  return generation === null ? event : `${event} (generation ${generation})`;
}
