// Tells which branches were reached: V8 counts them itself.

import { type Profiler, Session } from "node:inspector";

export class Coverage {
  private readonly session = new Session();
  /** All known branches, by function. V8 tells of a branch only when it ran more or less often than what is around it. */
  private readonly known = new Map<string, Map<string, Profiler.CoverageRange>>();
  private readonly reached = new Set<string>();

  /** @param files the ends of the URLs of the scripts that count */
  constructor(private readonly files: readonly string[]) {
    this.session.connect();
    this.session.post("Profiler.enable");
    this.session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Returns the branches that were reached since the last call, but for those that `add` has noted. */
  take(): string[] {
    const scripts = this.counts().filter(({ url }) => this.files.some(file => url.endsWith(file)));
    const branches = scripts.flatMap(({ url, functions }) => functions.flatMap(({ ranges }) => this.look(url, ranges)));
    return branches.filter(branch => !this.reached.has(branch));
  }

  add(branches: readonly string[]): void {
    for (const branch of branches) this.reached.add(branch);
  }

  get size(): number {
    return this.reached.size;
  }

  close(): void {
    this.session.disconnect();
  }

  /** @param ranges of a function: the first is the whole of it */
  private look(url: string, ranges: readonly Profiler.CoverageRange[]): string[] {
    const key = `${url} ${ranges[0]!.startOffset}`;
    const known = this.known.get(key) ?? new Map<string, Profiler.CoverageRange>();
    this.known.set(key, known);
    for (const range of ranges) known.set(`${key} ${range.startOffset}-${range.endOffset}`, range);
    const unreached = ranges.filter(({ count }) => count === 0);
    const isIn = (inner: Profiler.CoverageRange, outer: Profiler.CoverageRange) =>
      inner.startOffset >= outer.startOffset && inner.endOffset <= outer.endOffset;
    return [...known].filter(([, branch]) => !unreached.some(range => isIn(branch, range))).map(([name]) => name);
  }

  /** The session belongs to this very thread, so its answer is there at once. */
  private counts(): Profiler.ScriptCoverage[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    this.session.post("Profiler.takePreciseCoverage", (_, { result }) => {
      scripts = result;
    });
    return scripts;
  }
}
