// The log in real programs, with stderr as it really is: a file, the journal's stream, a terminal.

import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { APPS, temporaryDirectory } from "../../support/supervisor.js";

const PLAIN = ["err", "warning", "notice", "info"].map(priority => `zerodown: a line: ${priority}`);
const FOLDED = "one two three";

let directory: ReturnType<typeof temporaryDirectory>;
let file: string;
beforeEach(() => {
  directory = temporaryDirectory();
  file = `${directory.path}/stderr`;
});
afterEach(() => directory.remove());

/** Returns what the program writes to a file that is its stderr. `stream` gets the file's "device:inode". */
function logToFile(environment: (stream: string) => NodeJS.ProcessEnv): string[] {
  const fd = openSync(file, "w");
  const { dev, ino } = statSync(file, { bigint: true });
  const env = { PATH: process.env.PATH, ...environment(`${dev}:${ino}`) };
  const { status } = spawnSync("node", [`${APPS}log.mjs`], { stdio: ["ignore", "ignore", fd], env });
  closeSync(fd);
  expect(status).toBe(0);
  return readFileSync(file, "utf8").split("\n").slice(0, -1);
}

/** Returns what the program writes to a terminal. */
function logToTerminal(env: NodeJS.ProcessEnv): string[] {
  const command = `node ${APPS}log.mjs >/dev/null`;
  const { stdout } = spawnSync("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { PATH: process.env.PATH, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return stdout.split("\r\n").slice(0, -1);
}

describe("the log", () => {
  test("is plain lines without debug where stderr is neither the journal nor a terminal", () => {
    expect(logToFile(() => ({}))).toEqual([...PLAIN, `zerodown: ${FOLDED}`]);
  });

  test("has sd-daemon(3)'s prefixes where JOURNAL_STREAM is stderr's, debug included, one line an event", () => {
    expect(logToFile(stream => ({ JOURNAL_STREAM: stream }))).toEqual([
      "<3>a line: err",
      "<4>a line: warning",
      "<5>a line: notice",
      "<6>a line: info",
      "<7>a line: debug",
      `<6>${FOLDED}`,
    ]);
  });

  test.each(["1:1", "", "garbage", ":"])(
    "is plain where JOURNAL_STREAM=%j is another's: stderr was redirected",
    stream => {
      expect(logToFile(() => ({ JOURNAL_STREAM: stream }))).toEqual([...PLAIN, `zerodown: ${FOLDED}`]);
    },
  );

  test("has colours on a terminal", () => {
    expect(logToTerminal({})).toEqual([
      "zerodown: \x1b[31ma line: err\x1b[0m",
      "zerodown: \x1b[33ma line: warning\x1b[0m",
      "zerodown: \x1b[1ma line: notice\x1b[0m",
      "zerodown: a line: info",
      `zerodown: ${FOLDED}`,
    ]);
  });

  test("has no colours on a terminal with NO_COLOR", () => {
    expect(logToTerminal({ NO_COLOR: "1" })).toEqual([...PLAIN, `zerodown: ${FOLDED}`]);
  });

  test("stops nothing when it can't be written", () => {
    const { status } = spawnSync("sh", ["-c", `exec node ${APPS}log.mjs 2>/dev/full`]);
    expect(status).toBe(0);
  });
});
