// The real journal: entries with fields, the catalog's texts, and zerodown logs, which looks for them.

import { expect, test } from "@jest/globals";
import { MESSAGE_IDS } from "../../src/machine/news.js";
import { ROOT } from "../support/supervisor.js";
import { besideSystemManager } from "../support/system-manager.js";

/** On a machine of its own: the service app, which is broken where there is a file /run/broken. */
const SERVICE = `
cat >/run/app.sh <<'SCRIPT'
#!/bin/sh
[ ! -e /run/broken ] || { echo "no such table" >&2; exit 3; }
systemd-notify --ready
exec sleep infinity
SCRIPT
chmod +x /run/app.sh
cat >/run/systemd/system/app.service <<'UNIT'
[Service]
Type=notify
RuntimeDirectory=app
NotifyAccess=exec
Delegate=yes
ExecStart=zerodown run -- /run/app.sh
ExecReload=zerodown reload
UNIT
systemctl daemon-reload
main() { systemctl show --property=MainPID --value app; }
`;

/** A field of each entry, an entry a line. */
const fields = (names: string) => `journalctl --sync
python3 - ${names} <<'PYTHON'
import json, subprocess, sys
lines = subprocess.run(["journalctl", "--unit=app", "--output=json", "--all"], capture_output=True, text=True).stdout.splitlines()
for entry in map(json.loads, lines):
    if "ZERODOWN_EVENT" in entry:
        print(" ".join(str(entry.get(name, "-")) for name in sys.argv[1:]))
PYTHON
`;

test("each event is an entry with its MESSAGE_ID and fields, attributed to the unit, in the order in which they happened", () => {
  const output = besideSystemManager(`${SERVICE}
systemctl start app
touch /run/broken
systemctl reload app 2>/dev/null || true
rm /run/broken
systemctl reload app
# Generation 1 has drained.
until [ $(pgrep --parent $(main) sleep | wc --lines) = 1 ]; do sleep 0.05; done
kill -KILL $(pgrep --parent $(main) sleep)
until systemctl show --property=StatusText app | grep 'Generation 4.*serving' >/dev/null; do sleep 0.05; done
zerodown upgrade app >/dev/null
echo "main $(main)"
systemctl stop app
${fields("MESSAGE_ID ZERODOWN_EVENT ZERODOWN_GENERATION ZERODOWN_RELEASE ZERODOWN_RESULT PRIORITY SYSLOG_IDENTIFIER _PID _TRANSPORT")}`);
  const [, main] = /^main (\d+)$/.exec(output[0]!)!;
  const expected = [
    ["promoted", "1 1 - 6"],
    ["failed", "2 1 exit 3"],
    ["promoted", "3 1 - 6"],
    ["drained", "1 1 signal 6"],
    ["crashed", "3 1 signal 3"],
    ["promoted", "4 1 - 6"],
    ["upgraded", "4 1 - 5"],
    ["drained", "4 1 signal 6"],
  ] as const;
  expect(output.slice(1)).toEqual(
    expected.map(([event, values]) => `${MESSAGE_IDS[event]} ${event} ${values} zerodown ${main} journal`),
  );
});

test("zerodown logs looks for events, of a generation if one is named, and shows the catalog's text", () => {
  const output = besideSystemManager(`${SERVICE}
mkdir -p /usr/lib/systemd/catalog
cp ${ROOT}src/packaging/zerodown.catalog /usr/lib/systemd/catalog
journalctl --update-catalog
systemctl start app
touch /run/broken
systemctl reload app 2>/dev/null || true
rm /run/broken
systemctl reload app
journalctl --sync
count() { echo "$1: $(zerodown logs app "\${@:2}" -- --output=cat --quiet | wc --lines)"; }
count failed --event failed
count promoted --event promoted
count both --event promoted --event failed
count generation --event promoted --event failed --generation 2
count unknown --event drained --generation 2
zerodown logs app --event boredom 2>&1 || true
zerodown logs app --event failed -- --catalog
systemctl stop app
`);
  expect(output.slice(0, 6)).toEqual([
    ...["failed: 1", "promoted: 2", "both: 3", "generation: 1", "unknown: 0"],
    `zerodown: --event: "boredom" is none of ${Object.keys(MESSAGE_IDS).join(", ")}`,
  ]);
  const text = output.slice(6).join("\n");
  expect(text).toMatch(/ zerodown\[\d+\]: reload failed after .*: generation 2 \(pid \d+\) exited with status 3/);
  expect(text).toMatch(/^(?:--|░░) Subject: Generation 2 was refused$/m);
  expect(text).toMatch(/^(?:--|░░) {3}zerodown logs app\.service$/m);
});

test("a message of several lines stays one entry", () => {
  const output = besideSystemManager(`
cat >/run/say.mjs <<'CODE'
import { createLog } from "${ROOT}build/src/supervisor/log.js";
createLog(process.env)("warning", "one\\n  two = 2\\nthree");
CODE
cat >/run/systemd/system/say.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=node /run/say.mjs
UNIT
systemctl daemon-reload
systemctl start say
journalctl --sync
journalctl SYSLOG_IDENTIFIER=zerodown --output=json --output-fields=MESSAGE,PRIORITY |
  python3 -c 'import json, sys; print([(e["MESSAGE"], e["PRIORITY"]) for e in map(json.loads, sys.stdin)])'
`);
  expect(output).toEqual([`[('one\\n  two = 2\\nthree', '4')]`]);
});

test("where stderr is the journal's but its socket isn't there, lines go by the stream", () => {
  const output = besideSystemManager(`${SERVICE}
mkdir -p /run/systemd/system/app.service.d
printf '[Service]\\nInaccessiblePaths=/run/systemd/journal/socket\\n' >/run/systemd/system/app.service.d/hide.conf
systemctl daemon-reload
systemctl start app
systemctl stop app
journalctl --sync
journalctl --unit app --output=json --output-fields=MESSAGE,PRIORITY,_TRANSPORT |
  python3 -c 'import json, sys
for e in map(json.loads, sys.stdin):
    if "serving" in e["MESSAGE"]: print(e["PRIORITY"], e["_TRANSPORT"])'
`);
  expect(output).toEqual(["6 stdout"]);
});

test("with journal+console the console has what the app writes; the supervisor's lines are in the journal alone", () => {
  const output = besideSystemManager(`${SERVICE}
cat >/run/console.py <<'CODE'
import os, pty
reader, writer = pty.openpty()
os.symlink(os.ttyname(writer), "/run/tty")
with open("/run/console", "wb", 0) as console:
    while True: console.write(os.read(reader, 4096))
CODE
python3 /run/console.py &
until [ -e /run/tty ]; do sleep 0.05; done
mkdir -p /etc/systemd/journald.conf.d /run/systemd/system/app.service.d
printf '[Journal]\\nTTYPath=%s\\n' "$(readlink /run/tty)" >/etc/systemd/journald.conf.d/console.conf
systemctl restart systemd-journald
printf '[Service]\\nStandardError=journal+console\\n' >/run/systemd/system/app.service.d/console.conf
sed -i 's/^systemd-notify/echo "app: up" >\\&2; &/' /run/app.sh
systemctl daemon-reload
systemctl start app
systemctl reload app
until [ $(grep --count 'app: up' /run/console) = 2 ]; do sleep 0.05; done
journalctl --sync
echo "console: $(grep --count serving /run/console || true)"
echo "journal: $(journalctl --unit app --quiet --output cat --grep 'generation . .* serving: ' | wc --lines)"
systemctl stop app
kill %1
`);
  expect(output).toEqual(["console: 0", "journal: 2"]);
});
