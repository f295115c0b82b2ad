// What the packages say and do on a machine with units under zerodown: after an upgrade, and to needrestart.

import { expect, test } from "@jest/globals";
import { typed } from "../support/readme-session.js";

/** app has an older supervisor, web has this one; other is none of ours, whatever its process calls itself. */
const UNITS = `
cp -r $PROJECT/dist /opt/older
sed -i "s/\\"$(zerodown --version | cut -d' ' -f2)\\"/\\"0.0.9\\"/g" /opt/older/*.cjs /opt/older/*.js
{
  /opt/older/zerodown.cjs unit app --install --listen 8080 -- /usr/bin/node /srv/app/server.js
  zerodown unit web --install --listen 8081 -- /usr/bin/node /srv/app/server.js
  printf '[Service]\\nExecStart=/bin/bash -c %s\\n' \\
    "'exec -a \\"x --jitless -- zerodown run \\" sleep infinity'" >/etc/systemd/system/other.service
  systemctl daemon-reload
  systemctl start app web other
} >/dev/null
mkdir /usr/lib/zerodown
cp $PROJECT/src/packaging/{supervisors,tell-older} /usr/lib/zerodown
`;

test("an upgrade names the units whose supervisor is older, and needrestart leaves those of zerodown alone", () => {
  const ask = `
/usr/lib/zerodown/supervisors
/usr/lib/zerodown/tell-older
perl -e 'our %nrconf; do "$ENV{PROJECT}/src/packaging/needrestart.conf" or die; print "$_\\n" for sort keys %{$nrconf{override_rc}}'
`;
  expect(typed(ask, `export PROJECT\n${UNITS}`).filter(line => !line.startsWith("$ "))).toEqual([
    "app.service",
    "web.service",
    // What is on disk at the path that this one was started by is as old.
    expect.stringMatching(/^app\.service: 0\.0\.9 → 0\.0\.9 \(pid \d+\)$/),
    expect.stringMatching(/^web\.service: (\S+) → \1 \(pid \d+\)$/),
    "zerodown: these units run on with the supervisor that they were started with; a restart brings the new one:",
    "  systemctl restart 'app.service'",
    "(Units of users' own managers: zerodown upgrade --user --all.)",
    "(?^:^app\\.service$)",
    "(?^:^web\\.service$)",
  ]);
});
