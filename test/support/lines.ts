// Lines that arrive over time, and the promise of the one that matches.

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

  /** The first line from `from` on that matches; rejects when the stream ends without one. */
  async next(pattern: RegExp, from = 0): Promise<string> {
    for (let index = from; ; index++) {
      while (index >= this.lines.length) {
        if (this.ended) throw new Error(`no line matches ${pattern} in:\n${this.lines.slice(from).join("\n")}`);
        await new Promise<void>(resolve => this.waiters.push(resolve));
      }
      if (pattern.test(this.lines[index]!)) return this.lines[index]!;
    }
  }

  matching(pattern: RegExp): string[] {
    return this.lines.filter(line => pattern.test(line));
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}
