// The program that asks for a reload in ExecReload= says what the command in Node says, whatever answers it, and leaves to Node
// what it can't tell. Here the test is the main process, so that anything may answer.

import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { killCommands, type Result, TestCommand, zerodown } from "../../support/command.js";
import { PYTHON } from "../../support/native.js";
import { ROOT, temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";

const CLIENT = `${ROOT}dist/zerodown-reload-${process.arch}`;
const NAME = "tech.fornaxian.zerodown";
const SERVING = { number: 2, state: "serving", pid: 7, startedAt: 1, status: "" };

let place: { path: string; remove: () => void };
const BIND = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])";

/** As the supervisor names it. */
let directory: string;
let held: number;
let server: Server | undefined;

beforeEach(() => {
  place = temporaryDirectory();
  directory = `${place.path}/zerodown-${process.pid}`;
  mkdirSync(directory);
  held = openSync(directory, "r");
});
afterEach(async () => {
  await killCommands();
  await new Promise(resolve => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  closeSync(held);
  place.remove();
});

async function serve(onClient: (client: Socket) => void, path = `${directory}/control`): Promise<void> {
  server = createServer(client => onClient(client.on("error", () => {}).resume()));
  await new Promise<void>(resolve => server!.listen(path, resolve));
}

/** Each call gets that answer; then the connection ends. */
const answer = (text: string | Buffer) =>
  serve(client => client.on("data", () => client.end(Buffer.concat([Buffer.from(text), Buffer.of(0)]))));

const environment = () => ({ ...process.env, MAINPID: String(process.pid), RUNTIME_DIRECTORY: place.path });
const client = (env: NodeJS.ProcessEnv = environment()): Promise<Result> => new TestCommand(CLIENT, [], { env }).ended;
/** With an option it is Node's. */
const inNode = () => zerodown(["reload", "--timeout=infinity"], { env: environment() });

describe("says what the command in Node says to", () => {
  test.each<[string, unknown, number]>([
    ["a reload that is done", { parameters: { generation: 2, generations: [SERVING] } }, 0],
    ["one that tells no number", { parameters: { generations: [] } }, 0],
    ["a reload that failed", { error: `${NAME}.ReloadFailed`, parameters: { reason: "no", generation: 3 } }, 1],
    ["a stop", { error: `${NAME}.ReloadFailed`, parameters: { reason: "the service stops" } }, 0],
    [
      "one that failed without a candidate's number",
      { error: `${NAME}.ReloadFailed`, parameters: { generation: null } },
      1,
    ],
    ["a stop without a reason", { error: `${NAME}.ReloadFailed` }, 0],
    ["words of the app", { error: `${NAME}.ReloadFailed`, parameters: { reason: '"generation":3 \\"}' } }, 0],
    ["another error of ours", { error: `${NAME}.NoCandidate`, parameters: {} }, 76],
    ["a failure without parameters", { error: `${NAME}.ReloadFailed`, parameters: null }, 0],
    ["an error that is null", { error: null }, 76],
    ["an error that is a number", { error: 7, parameters: {} }, 76],
    ["too many watchers", { error: `${NAME}.TooManyWatchers` }, 69],
    ["another interface's error", { error: "com.example.ReloadFailed" }, 76],
    ["an error that is a command for a terminal", { error: "com.example.\u009b2J\u007f" }, 76],
    ["something else", { parameters: { pid: 1 } }, 76],
    ["nothing", {}, 76],
    ["an array", [], 69],
    ["a number", 7, 69],
  ])("%s", async (_, reply, status) => {
    await answer(JSON.stringify(reply));
    const [ours, theirs] = [await client(), await inNode()];
    // What else V8 says of a message that isn't JSON depends on the version.
    expect(ours).toEqual({ ...theirs, status });
    expect(ours.stdout).toBe("");
  });

  test.each<[string, (client: Socket) => void, RegExp]>([
    [
      "one that hangs up when it is called",
      client => client.destroy(),
      /: the supervisor hung up: .*, or is ending\n$/,
    ],
    ["one that goes away", client => client.once("data", () => client.end()), /went away before it replied\n$/],
    [
      "one that goes away in its reply",
      client => client.once("data", () => client.end('{"par')),
      /went away before it replied\n$/,
    ],
    ["one that never ends", client => client.write(Buffer.alloc(4_300_000, "x")), /longer than 4194304 bytes\n$/],
  ])("%s", async (_, onClient, line) => {
    await serve(onClient);
    const [ours, theirs] = [await client(), await inNode()];
    expect(ours).toEqual({ status: 69, stdout: "", stderr: expect.stringMatching(line) });
    expect(ours).toEqual(theirs);
  });
});

test("takes a reply in many pieces, as long as one may be", async () => {
  const generations = Array.from({ length: 30_000 }, () => SERVING);
  const reply = `${JSON.stringify({ parameters: { generations, generation: 2 } })}\0`;
  await serve(client =>
    client.once("data", () => {
      for (let at = 0; at < reply.length; at += 5_000) client.write(reply.slice(at, at + 5_000));
    }),
  );
  expect(await client()).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("tells JSON from what isn't as JSON.parse() does", async () => {
  let text = "";
  await serve(client => client.on("data", () => client.end(`${text}\0`)));
  const json = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.string({ unit: fc.constantFrom(...'{}[]:,"\\/u0aeE+-.1 \n\ttruefalsn') }),
  );
  const cut = fc.tuple(
    fc.nat(),
    fc.integer({ min: 0, max: 1 }),
    fc.constantFrom("", ",", '"', "\\u12", "0", "}", "\x01"),
  );
  await fc.assert(
    fc.asyncProperty(json, fc.option(cut), async (value, change) => {
      const at = change ? change[0] % (value.length + 1) : 0;
      text = change ? value.slice(0, at) + change[2] + value.slice(at + change[1]) : value;
      const { stderr } = await client();
      const what = readAs(text);
      const says = /(?:isn't JSON|not a JSON object)\n$/.exec(stderr)?.[0] ?? "an object\n";
      expect(says).toBe(`${what}\n`);
    }),
    { numRuns: 300 },
  );
});

function readAs(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? "an object" : "not a JSON object";
  } catch {
    return "isn't JSON";
  }
}

test("calls Reload with the time at which it was started", async () => {
  let call = "";
  const from = Number(process.hrtime.bigint() / 1000n);
  await serve(client =>
    client.on("data", data => {
      call = String(data);
      client.end("{}\0");
    }),
  );
  await client();
  const until = Number(process.hrtime.bigint() / 1000n);
  const { method, parameters, ...rest } = JSON.parse(call.slice(0, -1));
  expect([method, rest, parameters.replace, parameters.same]).toEqual([`${NAME}.Reload`, {}, false, false]);
  // The kernel counts in ticks of 10 ms.
  expect(parameters.since).toBeGreaterThanOrEqual(from - 20_000);
  expect(parameters.since).toBeLessThanOrEqual(until);
});

describe("leaves to Node, and says nothing,", () => {
  const LEFT = { status: 127, stdout: "", stderr: "" };

  test.each<[string, () => unknown]>([
    ["no control socket", () => {}],
    ["one that nobody listens on", () => new TestCommand(PYTHON, ["-ISc", BIND, `${directory}/control`]).ended],
    ["a link to one", () => symlinkSync("/run/elsewhere", `${directory}/control`)],
    ["a file in its place", () => writeFileSync(`${directory}/control`, "")],
  ])("%s", async (_, arrange) => {
    await arrange();
    expect(await client()).toEqual(LEFT);
  });

  test("a directory that the main process doesn't hold", async () => {
    await answer('{"parameters":{"generations":[]}}');
    expect((await client()).status).toBe(0);
    closeSync(held);
    held = openSync("/dev/null", "r");
    expect(await client()).toEqual(LEFT);
  });

  test.each([[undefined], [""], ["x"], ["1 "], ["-1"], ["4194304"], ["99999999999"]])("MAINPID=%s", async MAINPID => {
    await answer("{}");
    expect(await client({ ...environment(), MAINPID })).toEqual(LEFT);
  });

  test("a directory that is another one here", async () => {
    if (process.getuid!() !== 0) return console.log("left out: only root may mount");
    const other = `${place.path}/other`;
    mkdirSync(other);
    await serve(
      client => client.on("data", () => client.end('{"parameters":{"generations":[]}}\0')),
      `${other}/control`,
    );
    const mount = `mount --bind ${other} ${directory} && exec ${CLIENT}`;
    expect(await new TestCommand("unshare", ["--mount", "sh", "-c", mount], { env: environment() }).ended).toEqual(
      LEFT,
    );
  });
});

test.each([["pipe"], ["file"]])("a full stderr, or none, doesn't keep it: a %s", async kind => {
  await answer("[]");
  const fill = `import fcntl, os, sys
if sys.argv[1] == "pipe":
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True: os.write(write, b"x" * 4096)
    except BlockingIOError: pass
    fcntl.fcntl(write, fcntl.F_SETFL, 0)
    os.dup2(write, 2)
    os.set_inheritable(read, True)
else:
    os.close(2)
os.execv(sys.argv[2], sys.argv[2:])`;
  const command = new TestCommand(PYTHON, ["-ISc", fill, kind, CLIENT], { env: environment() });
  expect((await command.ended).status).toBe(69);
});

test("what it says where stderr is closed doesn't go to the supervisor", async () => {
  let heard = "";
  await serve(client =>
    client.on("data", data => {
      heard += data;
      if (heard.endsWith("\0")) client.write("[]\0");
    }),
  );
  const command = new TestCommand("sh", ["-c", `exec ${CLIENT} 2>&-`], { env: environment() });
  expect(await command.ended).toEqual({ status: 69, stdout: "", stderr: "" });
  await new Promise(resolve => setTimeout(resolve, 100));
  expect(heard).toMatch(/^\{[^\0]*\}\0$/);
});

describe("the launcher", () => {
  /** A copy of the command, with a Node that says what it was called with. */
  function install(path: string): string {
    mkdirSync(path, { recursive: true });
    for (const file of readdirSync(`${ROOT}dist`).filter(name => /^zerodown(?:\.cjs|-reload)/.test(name))) {
      copyFileSync(`${ROOT}dist/${file}`, `${path}/${file}`);
    }
    mkdirSync(`${place.path}/node`);
    const node = ["#!/bin/sh", "shift $(($# - 1))", 'echo "Node: $ZERODOWN_FRONT $*"', "exit $STATUS"];
    writeFileSync(`${place.path}/node/node`, node.join("\n"));
    chmodSync(`${place.path}/node/node`, 0o755);
    return `${path}/zerodown.cjs`;
  }

  const run = (command: string, args: readonly string[], STATUS = "0") =>
    new TestCommand(command, args, {
      env: { ...environment(), STATUS, PATH: `${place.path}/node:${process.env.PATH}` },
    }).ended;

  test.each([
    ["beside itself", "dist", undefined],
    ["where Debian's package is", "lib/zerodown/dist", "bin/zerodown"],
    ["where npm has it", "lib/node_modules/zerodown/dist", "bin/zerodown"],
  ])("finds it %s, and starts no Node", async (_, path, link) => {
    await answer('{"parameters":{"generations":[]}}');
    const command = install(`${place.path}/${path}`);
    if (link) {
      mkdirSync(`${place.path}/bin`);
      symlinkSync(command, `${place.path}/${link}`);
    }
    const started = await run(link ? `${place.path}/${link}` : command, ["reload"]);
    expect(started).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test.each<[string, readonly string[], (path: string) => void, string]>([
    ["there is none", ["reload"], path => rmSync(path), "1 reload"],
    // A shell takes it for a script, which does nothing and succeeds.
    ["it is empty, as after a crash of the machine", ["reload"], path => writeFileSync(path, ""), "1 reload"],
    ["it may not be executed", ["reload"], path => chmodSync(path, 0o644), "1 reload"],
    ["it leaves it to Node", ["reload"], () => rmSync(`${directory}/control`), "1 reload"],
    ["there are options", ["reload", "--same"], () => {}, "1 --same"],
    ["a unit is named", ["reload", "app"], () => {}, "1 app"],
    ["it is another command", ["status"], () => {}, " status"],
  ])("starts Node where %s", async (_, args, change, node) => {
    await answer('{"parameters":{"generations":[]}}');
    const command = install(`${place.path}/dist`);
    change(`${place.path}/dist/zerodown-reload-${process.arch}`);
    expect(await run(command, args)).toMatchObject({ status: 0, stdout: `Node: ${node}\n` });
  });

  test("leaves nothing behind at a stop, though what it has started misses the signal", async () => {
    const command = install(`${place.path}/dist`);
    const deaf = "#!/bin/sh\ntrap '' TERM\necho started\nexec sleep 30\n";
    writeFileSync(`${place.path}/dist/zerodown-reload-${process.arch}`, deaf);
    const started = new TestCommand(command, ["reload"], { env: environment() });
    await started.output.next(/^started$/);
    started.signal("SIGTERM");
    const ended = await Promise.race([started.ended, new Promise(resolve => setTimeout(resolve, 3000))]);
    expect(ended).toEqual({ status: 0, stdout: "started\n", stderr: "" });
  });

  test("starts Node for the last words when the supervisor is lost, in its own process", async () => {
    await serve(client => client.once("data", () => client.end()));
    const command = install(`${place.path}/dist`);
    expect(await run(command, ["reload"], "69")).toEqual({
      status: 69,
      stdout: "Node: lost reload\n",
      stderr: `zerodown: ${directory}/control: the supervisor went away before it replied\n`,
    });
  });

  test("starts Node on a terminal, which shows how it goes", async () => {
    await answer('{"parameters":{"generations":[]}}');
    const command = install(`${place.path}/dist`);
    const onTerminal = ["--quiet", "--return", "--command", `${command} reload`, "/dev/null"];
    expect((await run("script", onTerminal)).stdout).toMatch(/^Node: 1 reload/);
  });
});

test.each([
  ["behind the launcher", ZERODOWN, ["reload"]],
  ["alone", CLIENT, []],
])("a stop ends it with success while it waits, %s", async (_, file, args) => {
  const calls: (() => void)[] = [];
  await serve(client => client.once("data", () => calls.shift()?.()));
  for (let count = 0; count < 5; count++) {
    const called = new Promise<void>(resolve => calls.push(resolve));
    const command = new TestCommand(file, args, { env: environment() });
    await called;
    command.signal("SIGTERM");
    expect(await command.ended).toEqual({ status: 0, stdout: "", stderr: "" });
  }
});
