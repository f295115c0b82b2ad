// Servers that bind for themselves: what reloads cost with SO_REUSEPORT, and without it. Each in a network namespace of its own.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { ask, loopback } from "../support/http-load.js";
import { type Plan, reloadInOwnNetwork } from "../support/own-network.js";
import { noteFigures } from "../support/server-figures.js";
import { APPS, killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";

const directory = temporaryDirectory();
afterEach(killSupervisors);
afterAll(() => directory.remove());

const binds = ({ host, port }: { host: string; port: number }): Omit<Plan, "migrates"> => ({
  host,
  port,
  args: ["--", "/usr/bin/python3", "-IS", `${APPS}binds.py`, host, String(port)],
  reloads: 20,
  keeps: false,
});

test("one that binds with SO_REUSEPORT loses clients that wait; with net.ipv4.tcp_migrate_req=1 all but a few of them move", () => {
  const plan = binds(loopback());
  const [without, withIt] = [false, true].map(migrates => reloadInOwnNetwork({ ...plan, migrates }));
  console.log(
    `SO_REUSEPORT, ${plan.reloads} reloads: lost ${without!.fresh.join(" of ")} on new connections, and ${withIt!.fresh.join(" of ")} with net.ipv4.tcp_migrate_req=1`,
  );
  expect(without!.fresh[0]).toBeGreaterThan(0);
  // Some 100, and 0; once, beside other tests, it was 1.
  expect(withIt!.fresh[0]).toBeLessThanOrEqual(without!.fresh[0]! / 20);
  const what = `generation 1 listens on ${plan.host}:${plan.port} by a socket of its own`;
  const told = ({ log }: { log: readonly string[] }) => log.filter(line => line.includes(" listens on "));
  expect(told(without!)).toEqual([expect.stringContaining(what)]);
  expect(told(without!)[0]).toContain("net.ipv4.tcp_migrate_req=1, which is 0 here");
  expect(told(withIt!)).toEqual([expect.stringContaining(what)]);
  expect(told(withIt!)[0]).toContain("clients that wait move, for net.ipv4.tcp_migrate_req is 1");
});

/** A test with a program, or what says why it is left out. */
function testWith(program: string) {
  if (existsSync(program)) return test;
  console.log(`left out: ${program} isn't installed here`);
  return test.skip;
}

testWith("/usr/bin/caddy")("caddy: so it is with it", () => {
  const { host } = loopback();
  const file = `${directory.path}/Caddyfile`;
  const example = readFileSync(`${ROOT}docs/examples/servers/caddy/Caddyfile`, "utf8");
  writeFileSync(file, example.replace(":8080 {", `:8080 {\n\tbind ${host}`));
  const args = ["--stop-signal", "SIGTERM", "--", "/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", file];
  const plan = { host, port: 8080, args, reloads: 4, keeps: true };
  const [without, withIt] = [false, true].map(migrates => reloadInOwnNetwork({ ...plan, migrates }));
  console.log(
    `caddy, ${plan.reloads} reloads with net.ipv4.tcp_migrate_req=1: lost ${withIt!.fresh.join(" of ")} on new connections, ${withIt!.kept.join(" of ")} on kept ones; without: ${without!.fresh.join(" of ")} and ${without!.kept.join(" of ")}`,
  );
  noteFigures("caddy", withIt!);
  expect(withIt!.fresh[0]).toBe(0);
});

testWith("/usr/sbin/apache2")(
  "apache can't: the next generation finds its address taken, and the old one serves on",
  async () => {
    const { host, port } = loopback();
    mkdirSync(`${directory.path}/apache`);
    writeFileSync(
      `${directory.path}/apache/conf`,
      `ServerRoot ${directory.path}/apache
       ServerName app
       PidFile pid-\${ZERODOWN_GENERATION}
       ErrorLog ${directory.path}/apache/log
       Mutex file:${directory.path}/apache
       LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
       LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
       LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
       DirectoryIndex index.html
       DocumentRoot ${directory.path}/apache
       Listen ${host}:${port}\n`,
    );
    writeFileSync(`${directory.path}/apache/index.html`, "Hello\n");
    const command = ["/usr/sbin/apache2", "-DFOREGROUND", "-f", `${directory.path}/apache/conf`];
    const supervisor = new TestSupervisor(["--ready", "delay:1s", "--stop-signal", "SIGWINCH", "--", ...command]);
    await supervisor.serving(1);
    expect(await ask({ host, port })).toBe("Hello\n");
    expect(await supervisor.reload()).toMatch(/reload failed .* exited with status 1 .*still serving/);
    expect(supervisor.log.matching(/Address already in use/)).not.toEqual([]);
    expect(await ask({ host, port })).toBe("Hello\n");
    await supervisor.stop();
  },
);
