// Lets a test wait until a load has got a number of answers of a kind.

export class Answers {
  private waiters: { pattern: RegExp; count: number; resolve: () => void }[] = [];

  /** Resolves when that many more answers have come that match. */
  async wait(count: number, pattern: RegExp): Promise<void> {
    return new Promise(resolve => this.waiters.push({ pattern, count, resolve }));
  }

  add(answer: string): void {
    for (const waiter of this.waiters) if (waiter.pattern.test(answer)) waiter.count--;
    for (const { resolve } of this.waiters.filter(({ count }) => count <= 0)) resolve();
    this.waiters = this.waiters.filter(({ count }) => count > 0);
  }
}
