// A podman container as a generation, as docs/containers.md has it: with real podman, and images of the test's making.

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { SERVERS } from "../../src/cli/unit/servers.js";
import { TestCommand } from "../support/command.js";
import { followFile } from "../support/follow.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { noteFigures } from "../support/server-figures.js";
import { buildGo } from "../support/server-unit.js";
import { ROOT, temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { installUnits, property, removeUnits, zerodown } from "../support/user-manager.js";

const RELOADS = 4;
const NAME = `zerodown-podman-${process.pid}`;
const { path: directory, remove } = temporaryDirectory();
afterEach(killLoads);
afterEach(removeUnits);
afterAll(() => remove());

/** Images and containers are this test's own; vfs needs nothing of the kernel. */
const storage = `${directory}/storage.conf`;
writeFileSync(storage, `[storage]\ndriver = "vfs"\ngraphroot = "${directory}/root"\nrunroot = "${directory}/run"\n`);
const env = { CONTAINERS_STORAGE_CONF: storage };

function podman(...args: string[]): string {
  return execFileSync("podman", args, { env: { ...process.env, ...env }, encoding: "utf8", stdio: "pipe" }).trim();
}

/** Why no container runs here; undefined where one does. */
function whyNot(): string | undefined {
  const go = spawnSync("go", ["version"]);
  if (go.error) return "there is no Go to compile the app with";
  const version = spawnSync("podman", ["version"], { env: { ...process.env, ...env }, encoding: "utf8" });
  return version.error ? "there is no podman" : version.status === 0 ? undefined : version.stderr;
}

/** The app that answers with that text is all that is in the image. */
function makeImage(tag: string, text: string, isBroken = false): void {
  const release = `${directory}/${tag}`;
  mkdirSync(release);
  const program = readFileSync(`${ROOT}docs/examples/servers/go/serve.go`, "utf8").replace("Hello", text);
  writeFileSync(`${release}/serve.go`, program);
  buildGo(release);
  if (isBroken) copyFileSync("/bin/false", `${release}/serve`);
  execFileSync("tar", ["--create", `--file=${release}.tar`, `--directory=${release}`, "serve"]);
  podman("import", '--change=ENTRYPOINT ["/serve"]', `${release}.tar`, `localhost/app:${tag}`);
}

const why = whyNot();
if (why !== undefined) console.log(`left out: podman, because ${why}`);

(why === undefined ? test : test.skip)(
  "reloads run the new image, a broken one and one that isn't there are refused, and a rollback runs the one before",
  async () => {
    const { host, port } = loopback();
    const image = (tag: string) => writeFileSync(`${directory}/app.env`, `IMAGE=localhost/app:${tag}\n`);
    // What a machine of containers within another one doesn't allow.
    const allowed = "--privileged --pids-limit=0 --ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024";
    const command = SERVERS.podman.command.map(word =>
      word.replace("--network=none", `--network=none ${allowed}`).replaceAll("app-{", `${NAME}-{`),
    );
    const args = ["--user", "--for", "podman", "--listen", `${host}:${port}`, "--env-file", `${directory}/app.env`];
    const more = ["--probe", "http:/", "--zerodown", ZERODOWN, NAME];
    const { status, stdout, stderr } = zerodown("unit", ...args, ...more, "--", ...command);
    expect([status, stderr]).toEqual([0, ""]);
    const [service = "", socket = ""] = stdout.split(/^(?=# \S+\.socket$)/m);
    const log = `append:${directory}/log`;
    writeFileSync(`${directory}/log`, "");
    installUnits({
      [`${NAME}.service`]: service,
      [`${NAME}.socket`]: socket,
      [`${NAME}.service.d/test.conf`]: `[Service]\nStandardOutput=${log}\nStandardError=${log}\nEnvironment=CONTAINERS_STORAGE_CONF=${storage}\n`,
    });
    expect(zerodown("check", "--user", NAME).stdout).toBe(`${NAME}.service: nothing wrong\n`);
    const { lines, close } = followFile(`${directory}/log`);
    const systemctl = async (action: string, unit: string) =>
      (await new TestCommand("systemctl", ["--user", action, unit]).ended).status;
    try {
      makeImage("1", "release 1");
      image("1");
      expect(await systemctl("start", `${NAME}.socket`)).toBe(0);
      expect([await systemctl("start", NAME), lines.lines]).toEqual([0, expect.anything()]);
      const loads = [false, true].map(keepAlive => new HttpLoad({ host, port }, { clients: 4, keepAlive, pause: 5 }));
      const answered = (release: number) =>
        Promise.all(loads.map(load => load.answers(20, new RegExp(`^release ${release}\\n$`))));
      await answered(1);
      for (let release = 2; release <= RELOADS + 1; release++) {
        makeImage(String(release), `release ${release}`);
        image(String(release));
        expect([await systemctl("reload", NAME), lines.lines.slice(-5)]).toEqual([0, expect.anything()]);
        await answered(release);
        await lines.next(new RegExp(`generation ${release - 1} \\(pid \\d+\\) drained`));
      }
      makeImage("broken", "broken", true);
      for (const tag of ["broken", "missing"]) {
        image(tag);
        expect(await systemctl("reload", NAME)).toBe(1);
        await answered(RELOADS + 1);
      }
      const back = zerodown("rollback", "--user", NAME);
      expect([back.status, back.stderr]).toEqual([0, ""]);
      await answered(RELOADS);
      await Promise.all(loads.map(load => load.stop()));

      const failures = loads.flatMap(load => load.failures);
      const [fresh, kept] = [/^new/, /^kept/].map(kind => failures.filter(text => kind.test(text)).length);
      const [atNew, atKept] = loads.map(({ requests }) => requests);
      console.log(`podman: lost ${fresh} of ${atNew} on new connections, ${kept} of ${atKept} on kept ones`);
      noteFigures("podman", { fresh: [fresh!, atNew!], kept: [kept!, atKept!] });
      expect(fresh).toBe(0);
      // At each reload, the refused ones aside, and at the rollback.
      expect(kept).toBeLessThanOrEqual(4 * (RELOADS + 1));
      expect(lines.matching(/did not stop in time|internal error|outlives|still holds/)).toEqual([]);
      expect(await systemctl("stop", NAME)).toBe(0);
      expect(property(NAME, "Result")).toBe("success");
      expect(podman("ps", "--all", "--quiet")).toBe("");
    } finally {
      close();
    }
  },
  180_000,
);
