// A jest reporter: one plain line at the end, for programs that read it.
export default class PlainSummary {
  onRunComplete(
    _: unknown,
    {
      numPassedTests,
      numFailedTests,
      numPendingTests,
    }: { numPassedTests: number; numFailedTests: number; numPendingTests: number },
  ): void {
    process.stderr.write(`\n${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped\n`);
  }
}
