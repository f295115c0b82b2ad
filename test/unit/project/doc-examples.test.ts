// Every export that an app can import has an example in its doc comment, which compiles, and does what it shows; so do
// those of the guide and README's app.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { blocksOf } from "../../support/doc-blocks.js";
import { loopback } from "../../support/http-load.js";
import { closeManagerSockets, ManagerSocket } from "../../support/manager-socket.js";
import { ROOT } from "../../support/supervisor.js";

afterEach(closeManagerSockets);

/** The examples run in the package, so that they import it by its name, as apps do. */
const PLACE = `${ROOT}build/examples`;

const OF_EXPORTS = new Map(
  ["src/library", "src/systemd"].flatMap(folder =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
      .filter(file => file.endsWith(".ts"))
      .flatMap(file => examplesIn(readFileSync(`${ROOT}${folder}/${file}`, "utf8"))),
  ),
);

/** The names of exports, and their programs. */
function examplesIn(source: string): [string, string][] {
  const documented = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport (?:async )?(?:function|class|const) (\w+)/g;
  return [...source.matchAll(documented)].flatMap(([, comment, name]) => {
    const code = /@example\n \* ```ts\n([\s\S]*?) \* ```\n/.exec(comment!)?.[1];
    return code === undefined ? [] : [[name!, code.replaceAll(/^ \* ?/gm, "")]];
  });
}

const OF_GUIDE = new Map(blocksOf("docs/node.md", "js").map((code, index) => [`guide-${index + 1}`, code]));
const OF_README = new Map(blocksOf("README.md", "js").map(code => ["readme", code]));

const EXAMPLES = new Map([...OF_EXPORTS, ...OF_GUIDE, ...OF_README]);

const { host, port } = loopback();
const ADDRESS = `${host}:${port}`;

beforeAll(() => {
  rmSync(PLACE, { recursive: true, force: true });
  mkdirSync(PLACE);
  for (const [name, code] of EXAMPLES) {
    // A port that others may have, and a name.
    const own = code.replace('"8080"', `"${ADDRESS}"`).replace('"@example"', `"@example-${name}-${process.pid}"`);
    writeFileSync(`${PLACE}/${name}.ts`, own);
  }
  const compilerOptions = { rootDir: ".", outDir: "js" };
  const config = { extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"] };
  writeFileSync(`${PLACE}/tsconfig.json`, JSON.stringify(config));
});

test("compile, with the types that the package has", () => {
  execFileSync(`${ROOT}node_modules/.bin/tsc`, ["-p", PLACE], { stdio: "inherit" });
});

test("every export has one, the guide some, and README one", () => {
  const program = `
    import * as zerodown from "zerodown";
    import * as socket from "zerodown/systemd-socket";
    console.log(Object.keys({ ...zerodown, ...socket }).join());`;
  const exports = execFileSync("node", ["--input-type=module", "--eval", program], { cwd: ROOT }).toString().trim();
  expect([...OF_EXPORTS.keys()].sort()).toEqual(exports.split(",").sort());
  expect(OF_GUIDE.size).toBeGreaterThan(0);
  expect(OF_README.size).toBe(1);
});

/** These examples serve until they are told to stop. */
const SERVING = [
  "adopt",
  "init",
  "onStop",
  "restart",
  "serve",
  "startupFinished",
  "stopping",
  "guide-1",
  "guide-2",
  "guide-4",
  "readme",
];

test.each([...EXAMPLES.keys()])("%s: runs, and ends with status 0", async name => {
  const manager = new ManagerSocket(`@zerodown-examples-${process.pid}`).read();
  const child = spawn("node", [`${PLACE}/js/${name}.js`], {
    env: { ...process.env, NOTIFY_SOCKET: manager.address, PORT: ADDRESS },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", data => (errors += data));
  const ended = new Promise<number | null>(resolve => child.on("close", resolve));
  const serves = manager.lines.next(/READY=1/).then(() => "serves" as const);
  const first = await Promise.race([ended, serves]);
  expect(`${first}\n${errors}`).toMatch(SERVING.includes(name) ? /^serves\n/ : /^0\n/);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});
