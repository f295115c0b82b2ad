// zerodown status --watch: shown again when something changes, with and without a terminal.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../../src/cli/status/facts.js";
import { callSupervisor } from "../../../src/control/client.js";
import { locateControl } from "../../../src/control/locate.js";
import { killCommands, onTerminal, TestCommand } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { idle } from "../../support/processes.js";
import { killSupervisors, TestSupervisor, ZERODOWN } from "../../support/supervisor.js";

afterEach(async () => {
  await killCommands();
  await killSupervisors();
});

async function startSupervisor(): Promise<TestSupervisor> {
  const supervisor = new TestSupervisor(["--ready", "exec", "--", "sleep", "infinity"]);
  await supervisor.serving(1);
  return supervisor;
}

function watchJson(supervisor: TestSupervisor): TestCommand {
  return new TestCommand(ZERODOWN, ["status", "--watch", "--json", "--pid", String(supervisor.pid)]);
}

/** The generations of each report, without what only /proc tells. */
function states(reports: readonly Pick<StatusFacts, "generations">[]): string[] {
  return reports.map(({ generations }) =>
    [...generations]
      .sort((a, b) => b.number - a.number)
      .map(({ number, state }) => `${number} ${state}`)
      .join(", "),
  );
}

test("each event is told of once, and nothing else makes it write", async () => {
  const supervisor = await startSupervisor();
  const command = watchJson(supervisor);
  await command.output.next(/"serving"/);
  const told: StatusFacts[] = [];
  const onReply = (reply: Record<string, unknown>) => told.push(reply as unknown as StatusFacts);
  const following = callSupervisor(locateControl(supervisor.pid)!, "Status", {}, { onReply }).catch(() => {});
  await eventually(() => expect(told).not.toEqual([]));
  await supervisor.reload();
  await command.output.next(/"number":2,"state":"serving".*"number":1,"state":"ended"/);
  await eventually(() => expect(states(told).at(-1)).toBe("2 serving, 1 ended"));
  supervisor.signal("SIGKILL");
  await Promise.all([following, command.ended]);
  const written = states(command.output.lines.map(line => JSON.parse(line) as StatusFacts));
  expect(written).toEqual(states(told));
  expect(written[0]).toBe("1 serving");
  expect(written).toContain("2 serving, 1 draining");
  expect(written.at(-1)).toBe("2 serving, 1 ended");
});

test("without a terminal each view is the plain text, and an empty line", async () => {
  const supervisor = await startSupervisor();
  const command = new TestCommand(ZERODOWN, ["status", "--watch", "--pid", String(supervisor.pid)]);
  await command.output.next(/^ +1 {2}serving/);
  await supervisor.reload();
  await command.output.next(/^ +1 {2}ended/);
  command.signal("SIGINT");
  const { status, stdout, stderr } = await command.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).not.toContain("\x1b");
  expect(stdout).toMatch(
    /^zerodown .*\n\nno sockets\n\nGEN .*\n +1 {2}serving .*\n\nGEN {2}ON DISK .*\n +1 {2}yes .*\n\nzerodown /,
  );
});

test.each(["SIGINT", "SIGTERM"] as const)("%s ends it with exit status 0", async signal => {
  const command = watchJson(await startSupervisor());
  await command.output.next(/"serving"/);
  command.signal(signal);
  expect(await command.ended).toMatchObject({ status: 0, stderr: "" });
});

test.each([
  ["is killed", "SIGKILL"],
  ["stops", "SIGTERM"],
] as const)("when the supervisor %s it says so in one line", async (_, signal) => {
  const supervisor = await startSupervisor();
  const command = watchJson(supervisor);
  await command.output.next(/"serving"/);
  supervisor.signal(signal);
  const { status, stderr } = await command.ended;
  expect(stderr).toBe(`zerodown: the supervisor (pid ${supervisor.pid}) went away\n`);
  expect(status).toBe(69);
});

test("a reader that has seen enough ends it, without a complaint", async () => {
  const supervisor = await startSupervisor();
  const line = `set -o pipefail; "$0" status --watch --json --pid ${supervisor.pid} | { head -n 1; echo done; }`;
  const command = new TestCommand("bash", ["-c", line, ZERODOWN]);
  await command.output.next(/^done$/);
  await supervisor.reload();
  expect(await command.ended).toMatchObject({ status: 0, stderr: "" });
});

function isStopped(pid: number): boolean {
  return /\) T /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

/** On a terminal of 24 × 80, when it has drawn generation 1; with the terminal's device and its own pid. */
async function watchOnTerminal(
  supervisor: TestSupervisor,
): Promise<{ command: TestCommand; terminal: string; pid: number }> {
  const args = ["status", "--watch", "--pid", String(supervisor.pid)];
  const command = onTerminal(args, { rows: 24, columns: 80 });
  const [terminal = "", pid] = (await command.output.next(/^\/dev\//)).trim().split(" ");
  await command.output.next(/ 1 +\S*serving/);
  return { command, terminal, pid: Number(pid) };
}

test("on a terminal it draws on a screen of its own, and Ctrl-C gives back what was there, with what was last seen", async () => {
  const supervisor = await startSupervisor();
  const { command } = await watchOnTerminal(supervisor);
  await supervisor.reload();
  await command.output.next(/ 1 +ended/);
  command.type("\x03");
  const { status, stdout } = await command.ended;
  expect(status).toBe(0);
  expect(stdout.split(ENTER)).toHaveLength(2);
  const [drawn, rest, ...more] = stdout.split(ENTER)[1]!.split(LEAVE);
  expect(more).toEqual([]);
  // Each picture begins at the top, without a line feed that would scroll.
  expect(drawn!.split("\x1b[H").slice(1).length).toBeGreaterThan(1);
  expect(rest).toMatch(/^\S*zerodown [\s\S]* 2 +\S*serving[\s\S]* 1 +ended/);
  expect(rest).not.toMatch(/\x1b\[[HJK?]/);
});

test("when the supervisor goes away the terminal is given back before it says so", async () => {
  const supervisor = await startSupervisor();
  const { command } = await watchOnTerminal(supervisor);
  supervisor.signal("SIGKILL");
  const { status, stdout } = await command.ended;
  expect(status).toBe(69);
  expect(stdout.split(LEAVE)[1]).toMatch(/ 1 +\S*serving[\s\S]*zerodown: the supervisor \(pid \d+\) went away\r\n$/);
});

test("on a terminal that knows no sequences it is plain text, cut where that ends", async () => {
  const supervisor = await startSupervisor();
  const words = `stty cols 50; TERM=dumb exec ${ZERODOWN} status --watch --pid ${supervisor.pid}`;
  const command = new TestCommand("script", ["--quiet", "--return", "--command", words, "/dev/null"]);
  await command.output.next(/ 1 +serving/);
  await supervisor.reload();
  await command.output.next(/ 1 +ended/);
  command.type("\x03");
  const { stdout } = await command.ended;
  expect(stdout.replaceAll("\r\n", "\n")).not.toMatch(/[^\n -~…^]|^.{51}/m);
});

test("on a terminal it draws a timeline, which goes on while nothing changes without waking the supervisor", async () => {
  const supervisor = await startSupervisor();
  const { command } = await watchOnTerminal(supervisor);
  await supervisor.reload();
  await command.output.next(/^\S*2 +\S*serving\S* .*●/);
  await command.output.next(/^\S*1 +\S*ended\S* .*━.*┤/);
  await idle(supervisor.pid);
  const switches = () =>
    readFileSync(`/proc/${supervisor.pid}/status`, "utf8").match(/^voluntary_ctxt_switches:.*$/m)![0];
  // Memory is given back a while after a reload.
  let before = "";
  await eventually(() => {
    const isSame = before === switches();
    before = switches();
    expect(isSame).toBe(true);
  });
  const from = command.output.count;
  const drawn = () => command.output.next(/┄ starting/, command.output.count);
  await drawn();
  await drawn();
  expect(command.output.count).toBeGreaterThan(from);
  expect(switches()).toBe(before);
});

test("it is drawn again, as wide and as high as it is then, when the terminal is resized", async () => {
  const { command, terminal } = await watchOnTerminal(await startSupervisor());
  const from = command.output.count;
  execFileSync("stty", ["-F", terminal, "rows", "3", "cols", "30"]);
  await command.output.next(/zerodown/, from);
  command.type("\x03");
  const { stdout } = await command.ended;
  const last = stdout.split(LEAVE)[0]!.split("\x1b[H").at(-1)!;
  const lines = last.split("\r\n").map(stripVTControlCharacters);
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(30);
});

test("stopped from the keyboard it gives the terminal back, and draws again when it goes on", async () => {
  const { command, pid } = await watchOnTerminal(await startSupervisor());
  process.kill(pid, "SIGTSTP");
  // script stops, too, as a shell does with its job; and when it goes on, it makes its job go on.
  await eventually(() => expect([pid, command.pid].every(isStopped)).toBe(true));
  const from = command.output.count;
  command.signal("SIGCONT");
  await command.output.next(/ 1 +\S*serving/, from);
  command.type("\x03");
  const { status, stdout } = await command.ended;
  expect(status).toBe(0);
  expect(stdout.match(/\x1b\[\?1049[hl]/g)).toEqual(["h", "l", "h", "l"].map(end => `\x1b[?1049${end}`));
});
