// Lines that arrive over time, and the promise of the one that matches.

/** Less than jest gives a test, ms, so that the error tells what a test waits for in vain. */
const PATIENCE = 60_000;

export class Lines {
  readonly lines: string[] = [];
  private rest = "";
  private ended = false;
  private waiters: (() => void)[] = [];

  get count(): number {
    return this.lines.length;
  }

  add(text: string): void {
    const parts = (this.rest + text).split("\n");
    this.rest = parts.pop()!;
    this.lines.push(...parts);
    this.wake();
  }

  end(): void {
    if (this.rest) this.lines.push(this.rest);
    this.ended = true;
    this.wake();
  }

  /** Resolves with the first line from `from` on that matches; rejects when none comes before the end, or in time. */
  async next(pattern: RegExp, from = 0): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.wake();
    }, PATIENCE);
    try {
      for (let index = from; ; index++) {
        while (index >= this.lines.length) {
          if (this.ended || late) throw this.missing(pattern, from, late);
          await new Promise<void>(resolve => this.waiters.push(resolve));
        }
        if (pattern.test(this.lines[index]!)) return this.lines[index]!;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  matching(pattern: RegExp): string[] {
    return this.lines.filter(line => pattern.test(line));
  }

  private missing(pattern: RegExp, from: number, late: boolean): Error {
    const [before, after] = [this.lines.slice(0, from), this.lines.slice(from)].map(lines => lines.join("\n"));
    return new Error(`no line matched ${pattern}${late ? " in time" : ""} in:\n${after}\nBefore that:\n${before}`);
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}
