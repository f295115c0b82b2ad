// status --watch on a terminal: the timeline, and all else that status shows, drawn in place.

import { paint, rows, Screen, width } from "../terminal.js";
import type { StatusFacts } from "./facts.js";
import { formatStatus } from "./text.js";
import { Timeline } from "./timeline.js";
import { formatTimeline, staysTrue } from "./timeline-text.js";

export class LiveView {
  private readonly timeline = new Timeline();
  private screen: Screen | undefined;
  private look: (() => StatusFacts) | undefined;
  private lines: readonly string[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param look the same, later: with another `now` */
  show(facts: StatusFacts, look: () => StatusFacts): void {
    this.look = look;
    this.timeline.add(facts);
    this.screen ??= new Screen(() => this.again());
    this.draw(facts);
  }

  /** Gives the terminal back. @returns what was last seen */
  end(): readonly string[] {
    clearTimeout(this.timer);
    this.screen?.end();
    return this.lines;
  }

  private again(): void {
    if (this.look) this.draw(this.look());
  }

  private draw(facts: StatusFacts): void {
    clearTimeout(this.timer);
    const { lanes } = this.timeline;
    const now = facts.now ?? 0;
    const look = { width: width(), paint };
    this.lines = formatStatus(facts, look, formatTimeline(lanes, now, look, Math.floor(rows() / 2)));
    this.screen!.draw(this.lines);
    this.timer = setTimeout(() => this.again(), staysTrue(lanes, now, look.width));
  }
}
