// A jest reporter: what failed, a line each, and one plain line at the end, for programs that read it, and for those who see no
// more of a log than its end.

import { stripVTControlCharacters } from "node:util";
import type { AggregatedResult } from "@jest/reporters";

export default class PlainSummary {
  onRunComplete(_: unknown, { numPassedTests, numFailedTests, numPendingTests, testResults }: AggregatedResult): void {
    const counts = `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
    process.stderr.write(`\n${[...testResults.flatMap(failures), counts].join("\n")}\n`);
  }
}

function failures({ testExecError, testFilePath, testResults }: AggregatedResult["testResults"][number]): string[] {
  if (testExecError) return [line(testFilePath, testExecError.message)];
  const failed = testResults.filter(({ status }) => status === "failed");
  return failed.map(({ fullName, failureMessages: [message = ""] }) => line(fullName, message));
}

function line(what: string, message: string): string {
  const [why = ""] = stripVTControlCharacters(message).split(/\n\s+at /);
  return `failed: ${what}: ${why.replaceAll(/\s+/g, " ").slice(0, 500)}`;
}
