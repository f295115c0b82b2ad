// The role of docs/examples/ansible, by Debian's Ansible, on three hosts that are reached by ssh: what reaches them, what stops at
// the first, what is undone, and that nobody's request is lost.

import { existsSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { blockWith } from "../support/doc-blocks.js";
import { besideFleet, HOSTS } from "../support/fleet.js";

/** What docs/fleet.md does once on each host, which has a Node at that path. */
const UNIT = `[ -x /usr/bin/node ] || ln -s "$(command -v node)" /usr/bin/node
${blockWith("docs/fleet.md", "sh", "zerodown unit app --install")}`;

/** `pack NAME [SED]` makes the archive of a release that greets with its name, changed by SED. */
const PACK = `
pack() {
  mkdir "$FLEET/$1"
  sed "s/\\"Hello\\"/\\"release $1\\"/; \${2:-}" "$PROJECT/docs/examples/app.mjs" >"$FLEET/$1/server.mjs"
  tar --create --gzip --directory "$FLEET/$1" --file "$FLEET/$1.tar.gz" .
}
`;

/** `play BOOK RELEASE` prints what Ansible says of hosts and batches; `asked` what all three answer, `on N COMMAND…` what one says. */
const PLAY = `
export LC_ALL=C.UTF-8 HOME=$FLEET ANSIBLE_NOCOLOR=1 ANSIBLE_PIPELINING=1 ANSIBLE_SSH_ARGS="-F $FLEET/ssh_config -o ControlMaster=auto -o ControlPersist=60s"
play() {
  local status=0
  (cd "$PROJECT/docs/examples/ansible" && ansible-playbook --inventory "$FLEET/inventory" "$1.yml" --extra-vars "zerodown_release=$2 zerodown_archive=$FLEET/$2.tar.gz zerodown_keep=1") \\
    >"$FLEET/play" 2>&1 || status=$?
  echo "$1 $2: status $status, $(grep --count '^PLAY \\[' "$FLEET/play") batches"
  grep --only-matching 'Release .* is refused[^"]*' "$FLEET/play" || [ $status = 0 ] || cat "$FLEET/play"
}
on() { ssh -F "$FLEET/ssh_config" "192.0.2.$1" "\${@:2}"; }
asked() {
  for host in ${HOSTS.join(" ")}; do curl --silent "http://$host:8080" | grep --only-matching '^release [a-z]*'; done | paste --serial --delimiters=,
}
`;

/** The roots of other releases have none. */
const missing = ["/usr/bin/ansible-playbook", "/usr/sbin/sshd"].filter(path => !existsSync(path));
if (missing.length > 0) console.log(`left out: the role, because ${missing.join(" and ")} aren't installed here`);
const onThreeHosts = missing.length > 0 ? test.skip : test;

onThreeHosts(
  "a good release reaches all in batches, a broken one stops at the first host, one that got through is undone, and no request is lost",
  () => {
    const output = besideFleet(
      UNIT,
      `${PACK}${PLAY}
pack one
pack two
pack broken 's/^server.listen/process.exit(3);&/'
pack bad
play deploy one
asked
exec {load}< <(exec node "$PROJECT/build/test/apps/load.js" ${HOSTS.map(host => `${host}:8080`).join(" ")})
pid=$!
read -r line <&$load
play deploy two
asked
play deploy broken
asked
for host in 11 12; do on $host readlink /srv/app/current; done
on 12 ls /srv/app/releases
play deploy bad
asked
on 11 ls /srv/app/releases
play rollback bad
asked
on 13 readlink /srv/app/current
play rollback bad
asked
kill $pid
cat <&$load
`,
    );
    expect(output).toEqual([
      "deploy one: status 0, 2 batches",
      "release one,release one,release one",
      "deploy two: status 0, 2 batches",
      "release two,release two,release two",
      "deploy broken: status 2, 1 batches",
      expect.stringMatching(
        /^Release broken is refused\. Reload failed: generation 3 exited with status 3 before it was ready\. Generation 2 \(pid \d+\) still serving/,
      ),
      "release two,release two,release two",
      "releases/two",
      "releases/two",
      // The one that a rollback would start stays, though one is to be kept.
      "one",
      "two",
      "deploy bad: status 0, 2 batches",
      "release bad,release bad,release bad",
      "bad",
      "two",
      "rollback bad: status 0, 1 batches",
      "release two,release two,release two",
      "releases/two",
      "rollback bad: status 0, 1 batches",
      "release two,release two,release two",
      ...HOSTS.map(host => `${host}:8080: some requests, 0 lost`),
    ]);
  },
  300_000,
);
