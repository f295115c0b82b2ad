// The servers that people run, as docs/servers.md has them: strict clients through four reloads and a broken release.

import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import type { Most, Server } from "../../src/cli/unit/server.js";
import { SERVERS } from "../../src/cli/unit/servers.js";
import { eventually } from "../support/eventually.js";
import { ask, HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { noteFigures } from "../support/server-figures.js";
import {
  buildGo,
  closeServerUnits,
  HUNG,
  mayHang,
  programPath,
  type ServerName,
  ServerUnit,
} from "../support/server-unit.js";
import { ROOT } from "../support/supervisor.js";
import { besideSystemManager } from "../support/system-manager.js";
import { TestProcess } from "../support/test-process.js";
import { property, removeUnits, zerodown } from "../support/user-manager.js";

const RELOADS = 4;
const CLIENTS = 4;
/** The most that they may lose. */
const MOST: Record<Most, number> = { "0": 0, "1 each": CLIENTS * RELOADS, more: Number.POSITIVE_INFINITY };

/** In which file a mistake breaks a release. */
const BREAKS = /^(app\.py|config\.ru|.*\.(conf|cfg|mjs|java|go|ts))$/;
const broken = (text: string, file: string) => (BREAKS.test(file) ? `${text}\nbroken on purpose {\n` : text);

const front: TestProcess[] = [];
afterEach(killLoads);
afterEach(async () => {
  // Its main process ends the others, too.
  for (const process of front) process.signal("SIGTERM");
  await Promise.all(front.splice(0).map(({ ended }) => ended));
});
afterEach(() => {
  removeUnits();
  closeServerUnits();
});

/** What they take, where that is not just the program of their command. */
const PROGRAMS: Partial<Record<string, string[]>> = {
  go: ["/usr/bin/go"],
  "gunicorn-uvicorn": ["/usr/bin/gunicorn", "/usr/bin/uvicorn"],
  "php-fpm": [SERVERS["php-fpm"].command[0]!, "/usr/sbin/nginx"],
};
// Containers have a test of their own.
const here = Object.entries<Server>(SERVERS).flatMap(([name, { command, confines }]) => {
  if (confines) return [];
  const missing = (PROGRAMS[name] ?? [programPath(command[0]!)]).filter(program => !existsSync(program));
  if (missing.length === 0) return [name as ServerName];
  console.log(`left out: ${name}, because ${missing.join(" and ")} isn't installed here`);
  return [];
});

/** nginx in front, which asks php-fpm on a connection for each request. */
async function webServer(unit: ServerUnit): Promise<{ host: string; port: number }> {
  const [own, { host, port }] = [loopback(), unit.address];
  const prefix = `${unit.directory}/nginx`;
  mkdirSync(prefix);
  writeFileSync(
    `${prefix}/conf`,
    `daemon off; user root; pid pid; error_log stderr; events {}
     http {
       access_log off; client_body_temp_path body; fastcgi_temp_path fastcgi;
       server {
         listen ${own.host}:${own.port};
         location / {
           fastcgi_pass ${host}:${port};
           fastcgi_param SCRIPT_FILENAME ${unit.directory}/current/index.php;
           fastcgi_param REQUEST_METHOD GET;
         }
       }
     }`,
  );
  const nginx = new TestProcess("/usr/sbin/nginx", ["-p", prefix, "-e", "stderr", "-c", `${prefix}/conf`]);
  front.push(nginx);
  await eventually(() => ask(own));
  return own;
}

/** What a test, which is root, gives beside the example's command. */
function asRoot(name: ServerName): { more: string[]; change: (text: string) => string } {
  if (name !== "php-fpm") return { more: [], change: text => text };
  return {
    more: ["--allow-to-run-as-root"],
    change: text => text.replace("[www]", "[www]\nuser = root\ngroup = root"),
  };
}

test.each(here)(
  `%s: ${RELOADS} reloads and a broken release cost what the page says, which for most is no request`,
  async name => {
    const unit = new ServerUnit(name);
    const { more, change } = asRoot(name);
    const hangs = mayHang(name);
    const options = [
      ...(SERVERS[name].isProbed ? ["--probe", "http:/"] : []),
      ...(hangs ? ["--stop-timeout", "10s"] : []),
    ];
    unit.install(options, more);
    expect(zerodown("check", "--user", unit.name).stdout).toBe(`${unit.name}.service: nothing wrong\n`);
    unit.deploy("1", "release 1", change);
    await unit.must("start", ".socket");
    await unit.must("start");
    const address = name === "php-fpm" ? await webServer(unit) : unit.address;
    const loads = [false, true].map(keepAlive => new HttpLoad(address, { clients: CLIENTS, keepAlive, pause: 5 }));
    const answered = (release: number) =>
      Promise.all(loads.map(load => load.answers(20, new RegExp(`^release ${release}\\n$`))));
    await answered(1);
    for (let release = 2; release <= RELOADS + 1; release++) {
      unit.deploy(String(release), `release ${release}`, change);
      await unit.must("reload");
      await answered(release);
      const ended = hangs ? `(drained|${HUNG.source})` : "drained";
      await unit.log.next(new RegExp(`generation ${release - 1} \\(pid \\d+\\) ${ended}`));
    }
    // The same text: a server of files finds by way of `current` those of a release that it isn't.
    unit.deploy("broken", `release ${RELOADS + 1}`, (text, file) => broken(change(text), file));
    expect((await unit.systemctl("reload", `${unit.name}.service`)).status).toBe(1);
    await answered(RELOADS + 1);
    await Promise.all(loads.map(load => load.stop()));

    const failures = loads.flatMap(load => load.failures);
    const [fresh, kept] = [/^new/, /^kept/].map(kind => failures.filter(text => kind.test(text)));
    const [atNew, atKept] = loads.map(({ requests }) => requests);
    console.log(
      `${name}: lost ${fresh!.length} of ${atNew} on new connections, ${kept!.length} of ${atKept} on kept ones`,
    );
    noteFigures(name, { fresh: [fresh!.length, atNew!], kept: [kept!.length, atKept!] });
    if (SERVERS[name].fresh === "0") expect(fresh).toEqual([]);
    expect(fresh!.length).toBeLessThanOrEqual(MOST[SERVERS[name].fresh]);
    expect(kept!.length).toBeLessThanOrEqual(MOST[SERVERS[name].kept]);
    const hung = hangs ? unit.log.matching(HUNG) : [];
    expect(hung.length).toBeLessThanOrEqual(RELOADS / 2);
    expect(unit.log.matching(/did not stop in time|was killed: |internal error/)).toEqual(hung);
    await unit.must("stop");
    const end = ["Result", "ExecMainStatus"].map(name => property(unit.name, name));
    expect([["success", "0"], ...(hangs ? [["exit-code", "137"]] : [])]).toContainEqual(end);
  },
  120_000,
);

test("as they are printed, with all their protection and a user made up for each, the examples serve and reload", () => {
  // In the project, which the other root has, too.
  const go = `${ROOT}build/go-example`;
  cpSync(`${ROOT}docs/examples/servers/go`, go, { recursive: true });
  if (here.includes("go")) buildGo(go);
  const output = besideSystemManager(`
[ -x /usr/bin/node ] || ln -s "$(command -v node)" /usr/bin/node
[ -x /usr/bin/deno ] || ln -s ${programPath("/usr/bin/deno")} /usr/bin/deno
for name in ${here.join(" ")}; do
  rm -rf /srv/app
  mkdir -p /srv/app/releases
  cp -r $PROJECT/docs/examples/servers/$name /srv/app/releases/1
  mkdir /srv/app/releases/1/node_modules
  ln -s $PROJECT /srv/app/releases/1/node_modules/zerodown
  ln -s releases/1 /srv/app/current
  [ $name != go ] || cp ${go}/serve /srv/app/current/
  zerodown unit --for $name --install --force >/dev/null
  systemctl daemon-reload
  systemctl start app.socket app.service || journalctl --unit app.service --output=cat
  systemctl reload app
  [ $name = php-fpm ] && answer=Hello || answer=$(curl --silent localhost:8080 || true)
  echo "$name: $answer $(systemctl is-active app) $(systemctl show --property=User --value app)"
  systemctl stop app.socket app.service
done`);
  expect(output).toEqual(here.map(name => `${name}: Hello active app`));
  // As printed, puma has 90 s to stop.
}, 240_000);
