// README and the pages for operators are tried as they stand: their commands run beside a system's own manager, and print
// what the pages show.

import { existsSync, readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "@jest/globals";
import { breakDeploy } from "../support/broken-deploy.js";
import { blocksOf, blockWith } from "../support/doc-blocks.js";
import { comparable, INSTALL_SERVICE, SERVICE_INSTALLED, typed } from "../support/readme-session.js";
import { ROOT } from "../support/supervisor.js";
import { textOf } from "../support/terminal-picture.js";
import { watchReload } from "../support/watched-reload.js";

/** Returns what each command printed, the last time that it was typed. */
function outputs(lines: readonly string[]): Map<string, string> {
  const printed = new Map<string, string>();
  let command = "";
  for (const line of lines) {
    const isTyped = line.startsWith("$ ");
    if (isTyped) command = line.slice(2);
    printed.set(command, isTyped ? "" : `${printed.get(command)}${line}\n`);
  }
  return printed;
}

test("README's service is installed, answers, and is reloaded", () => {
  const printed = outputs(typed(INSTALL_SERVICE + blockWith("README.md", "sh", "systemctl reload app")));
  const [install, ...next] = INSTALL_SERVICE.trimEnd().split("\n");
  expect(printed.get(install!)).toContain(`Next:\n${next.map(command => `  ${command}\n`).join("")}`);
  expect(printed.get("curl localhost:8080")).toBe("Hello\n");
  expect(printed.get("systemctl reload app")).toBe("");
  expect(printed.get("zerodown status")).toMatch(/\napp\.service +active \(running\) +2 .* succeeded/);
  expect(printed.get("zerodown logs app")).toMatch(/generation 2 \(pid \d+\) serving: /);
  expect(printed.get("zerodown logs app")).not.toContain("by a socket of its own");
});

test("the picture of a broken deploy shows what a terminal shows", () => {
  const picture = readFileSync(`${ROOT}docs/broken-deploy.svg`, "utf8");
  expect(comparable(textOf(picture))).toBe(comparable(breakDeploy().join("\n")));
});

test("the picture of a reload shows what status --watch draws", () => {
  const picture = readFileSync(`${ROOT}docs/watched-reload.svg`, "utf8");
  /** How long each part of a line took isn't the same twice. */
  const drawn = (text: string) => comparable(text).replaceAll(/([┄━─])\1+/g, "$1");
  const lines = stripVTControlCharacters(watchReload().join("\n"));
  expect(drawn(textOf(picture))).toBe(drawn(lines));
  expect(drawn(lines)).toContain("#/# serving ┄●━ #/# ended ━─┤");
});

const hasPhp = ["/usr/sbin/php-fpm8.2", "/usr/bin/php", "/usr/sbin/nginx"].every(path => existsSync(path));
if (!hasPhp) console.log("left out: php-fpm behind nginx, because one of them isn't installed");

(hasPhp ? test : test.skip)(
  "servers.md: behind nginx, each generation of php-fpm has the scripts of its release",
  () => {
    const page = "docs/servers.md";
    const [install] = blocksOf(page, "sh").slice(-1);
    const setup = `
release() {
  mkdir -p /srv/app/releases/$1
  cp $PROJECT/docs/examples/servers/php-fpm/php-fpm.conf /srv/app/releases/$1
  printf '%s' '${blocksOf(page, "ini")[0]}' >>/srv/app/releases/$1/php-fpm.conf
  echo "$2" >/srv/app/releases/$1/index.php
  ln -sfn releases/$1 /srv/app/current
}
release 1 one
cat >/srv/app/front.php <<'CODE'
${blocksOf(page, "php")[0]}CODE
cat >/tmp/nginx.conf <<'CODE'
error_log stderr;
events {}
http {
  server {
    listen 80;
    ${blocksOf(page, "nginx")[0]}
  }
}
CODE
nginx -c /tmp/nginx.conf
{
  ${install}
  systemctl daemon-reload
  systemctl enable --now app.socket app.service
} >/dev/null 2>&1
`;
    const lines = typed(
      `curl localhost
release 2 two; curl localhost
systemctl reload app && curl localhost
release 3 "<?php nope("; systemctl reload app || curl localhost
zerodown rollback app >/dev/null; curl localhost`,
      setup.replaceAll("include fastcgi_params", "include /etc/nginx/fastcgi_params"),
    );
    const answers = lines.filter(line => /^(?:one|two)$/.test(line));
    expect([answers, lines]).toEqual([["one", "one", "two", "two", "one"], expect.anything()]);
  },
);

test("upgrading.md: an older supervisor is marked, until its unit is restarted", () => {
  const older = `
cp -r $PROJECT/dist /opt/older
sed -i "s/\\"$(zerodown --version | cut -d' ' -f2)\\"/\\"0.0.9\\"/g" /opt/older/*.cjs /opt/older/*.js
upgrade() {
  sed -i "s|/opt/older/zerodown.cjs|$(command -v zerodown)|" /etc/systemd/system/app.service
  systemctl daemon-reload
}
{
  /opt/older/zerodown.cjs unit app --install --listen 8080 -- /usr/bin/node /srv/app/server.js
  zerodown unit web --install --listen 8081 -- /usr/bin/node /srv/app/server.js
  systemctl daemon-reload
  systemctl start app web
  systemctl reload app
} >/dev/null
`;
  const page = "docs/upgrading.md";
  const [install, ask, swap, restart, paths] = blocksOf(page, "sh");
  expect(install).toContain("npm install --global");
  const lines = typed(`${ask}${swap}upgrade\n${restart}${paths}`, older);
  const before = outputs(lines.slice(0, lines.indexOf("$ upgrade")));
  // The version that it was started by is still at its path.
  expect(before.get("zerodown upgrade app")).toMatch(/^app\.service: 0\.0\.9 → 0\.0\.9 \(pid \d+\)\n$/);
  expect(comparable(before.get("zerodown status")!)).toBe(comparable(blocksOf(page, "")[0]!));
  const after = outputs(lines);
  expect(after.get("zerodown status")).not.toContain("older");
  expect(after.get("systemctl show --property=ExecStart --property=ExecReload app")).toMatch(
    /ExecStart=.*zerodown run[\s\S]*ExecReload=.*zerodown reload/,
  );
  expect(after.get("zerodown check app")).toBe("app.service: nothing wrong\n");
});

test("deploying-without-root.md: what polkit lets a user do, and what the user sees", () => {
  const page = "docs/deploying-without-root.md";
  const setup = `${SERVICE_INSTALLED}
echo 'deploy:x:4321:65534::/:/bin/sh' >>/etc/passwd
mkdir -p /etc/polkit-1/rules.d
cat >/etc/polkit-1/rules.d/50-deploy.rules <<'RULE'
${blocksOf(page, "js")[0]}RULE
as() { setpriv --reuid=deploy --regid=nogroup --clear-groups "$@" || echo "exit status $?"; }
`;
  const reload = blocksOf(page, "sh")[0]!.trimEnd();
  const commands = [
    `as ${reload}`,
    "echo 'throw 1' >/srv/app/server.js",
    `as ${reload} # again`,
    "as zerodown status app",
    "as systemctl restart app",
  ];
  const printed = outputs(typed(commands.join("\n"), setup));
  const [reloaded, failed, status] = blocksOf(page, "").map(comparable);
  const [good, , bad, seen, restart] = commands.map(command => comparable(printed.get(command)!));
  expect(good).toBe(reloaded);
  expect(bad).toBe(`${failed} exit status #`);
  expect(seen).toBe(`${status} exit status #`);
  expect(restart).toContain("authentication required");
});

test("servers.md: an example's release, and three commands, serve and reload", () => {
  const setup = `mkdir /srv/app/releases
cp -r $PROJECT/docs/examples/servers/gunicorn /srv/app/releases/1
ln -s releases/1 /srv/app/current
`;
  const commands = `${blocksOf("docs/servers.md", "sh")[0]}curl localhost:8080\nzerodown status`;
  const printed = outputs(typed(commands, setup));
  expect(printed.get("systemctl reload app")).toBe("");
  expect(printed.get("curl localhost:8080")).toBe("Hello\n");
  expect(printed.get("zerodown status")).toMatch(/\napp\.service +active \(running\) +2 .* succeeded/);
});

test("removing.md: the unit serves on without zerodown", () => {
  const page = "docs/removing.md";
  const commands = `${blockWith(page, "sh", "sed -i")}curl localhost:8080\nsystemctl cat app\nzerodown status`;
  const printed = outputs(typed(commands, SERVICE_INSTALLED));
  expect(printed.get("systemctl restart app")).toBe("");
  expect(printed.get("curl localhost:8080")).toBe("Hello\n");
  expect(printed.get("systemctl cat app")).toMatch(/^ExecStart=\/usr\/bin\/node \/srv\/app\/server\.js$/m);
  expect(printed.get("systemctl cat app")).not.toMatch(/^\w+=.*zerodown (run|reload)/m);
  expect(printed.get("zerodown status")).not.toContain("app.service");
});

test("metrics.md: the metrics of a service, and the timer that writes them", () => {
  const page = "docs/metrics.md";
  const [print] = blocksOf(page, "sh");
  const setup = `${SERVICE_INSTALLED}
mkdir -p /var/lib/prometheus/node-exporter
cp $PROJECT/units/zerodown-metrics.{service,timer} /etc/systemd/system
systemctl daemon-reload
systemctl reload app
`;
  const written = "cat /var/lib/prometheus/node-exporter/zerodown.prom";
  const enable = /^systemctl enable .*$/m.exec(blockWith(page, "sh", "enable --now"))![0];
  const printed = outputs(typed(`${print}${enable}\nsystemctl start zerodown-metrics\n${written}`, setup));
  const shown = blocksOf(page, "")[0]!
    .split("\n")
    .filter(line => !/^(…|)$/.test(line));
  const lines = comparable(printed.get(print!.trimEnd())!);
  for (const line of shown) expect(lines).toContain(comparable(line));
  expect(printed.get(written)).toMatch(/^zerodown_up\{unit="app\.service"\} 1$/m);
});
