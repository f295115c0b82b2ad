// A drain tells connections to close one after the other, so that their clients don't all connect again at the same time.

export class Spread {
  private readonly begin = performance.now();
  private readonly delays = new WeakMap<object, number>();

  /** @param time over which it does so, ms */
  constructor(readonly time: number) {}

  /** Whether the turn of that connection has come. */
  isDue(connection: object): boolean {
    if (this.time === 0) return true;
    const delay = this.delays.get(connection) ?? Math.random() * this.time;
    this.delays.set(connection, delay);
    return performance.now() - this.begin >= delay;
  }
}
