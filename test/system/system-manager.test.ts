// Under the system's own manager (the other tests have a user's): units/ as root installs them, D-Bus without and with polkit, the
// journal, users made up for the service, and delegation as systemd tells of it there.

import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { besideSystemManager } from "../support/system-manager.js";

const VERSION = Number(/^systemd (\d+)/.exec(execFileSync("systemctl", ["--version"], { encoding: "utf8" }))![1]);

/** The template unit with system.conf, and the example app. */
const INSTALL = `
cp $PROJECT/units/zerodown@.{service,socket} /etc/systemd/system
mkdir -p /etc/systemd/system/zerodown@.service.d /etc/zerodown
cp $PROJECT/units/system.conf /etc/systemd/system/zerodown@.service.d
echo "ZERODOWN_COMMAND=node $PROJECT/docs/examples/app.mjs" >/etc/zerodown/app.conf
ask() { curl --silent --unix-socket /run/zerodown/app.sock http://app/; }
systemctl daemon-reload
systemctl start zerodown@app.socket
`;

test("units/ with system.conf: a user that exists while it runs, a cgroup for each generation, and reloads", () => {
  const output = besideSystemManager(`${INSTALL}
ask
systemctl reload zerodown@app
ask
pid=$(systemctl show --property=MainPID --value zerodown@app)
[ "$(stat --format=%U /proc/$pid)" = root ] || echo not root
cd /sys/fs/cgroup$(systemctl show --property=ControlGroup --value zerodown@app)
until [ ! -d generation-1 ]; do sleep 0.05; done
ls -d */
zerodown status --json zerodown@app | grep -o '"cgroup":"[^"]*generation-2"'
zerodown check zerodown@app
systemctl stop zerodown@app.socket zerodown@app.service
systemctl show --property=Result zerodown@app
[ -d "$PWD" ] || echo gone
`);
  expect(output).toEqual([
    expect.stringMatching(/^Hello from generation 1, pid \d+$/),
    expect.stringMatching(/^Hello from generation 2, pid \d+$/),
    "not root",
    "generation-2/",
    "supervisor/",
    expect.stringMatching(/^"cgroup":".*\/generation-2"$/),
    "zerodown@app.service: nothing wrong",
    "Result=success",
    "gone",
  ]);
});

test("the journal has each line with its priority: what a generation may not tell systemd is one for debugging", () => {
  const output = besideSystemManager(`${INSTALL}
echo "ZERODOWN_COMMAND=sh -c 'systemd-notify --ready; systemd-notify MAINPID=1; exec sleep infinity'" >/etc/zerodown/app.conf
systemctl start zerodown@app
until journalctl --sync && journalctl --unit zerodown@app --quiet --priority debug --grep MAINPID >/dev/null; do sleep 0.05; done
journalctl --unit zerodown@app --output cat --priority info --grep 'generation 1 .* serving'
journalctl --unit zerodown@app --output cat --priority debug --grep MAINPID
! journalctl --unit zerodown@app --output cat --priority info --grep MAINPID
`);
  expect(output.slice(0, 2)).toEqual([
    expect.stringMatching(/^generation 1 \(pid \d+\) serving: ready after /),
    expect.stringMatching(/^generation 1 \(pid \d+\) sent MAINPID=1: that is for zerodown alone$/),
  ]);
});

test("a service of root's without Delegate= makes no cgroup, though it could", () => {
  const output = besideSystemManager(`
mkdir -p /run/systemd/system/app.service.d
printf '[Service]\\nType=notify\\nExecStart=zerodown run --ready exec -- sleep infinity\\n' >/run/systemd/system/app.service
systemctl daemon-reload
systemctl start app
cd /sys/fs/cgroup$(systemctl show --property=ControlGroup --value app)
find . -mindepth 1 -type d
wc --lines <cgroup.procs
`);
  expect(output).toEqual(["2"]);
});

test("DelegateSubgroup=, where systemd knows it, is where the supervisor stays", () => {
  const output = besideSystemManager(`
printf '[Service]\\nType=notify\\nDelegate=yes\\nDelegateSubgroup=boss\\nExecStart=zerodown run --ready exec -- sleep infinity\\n' \\
  >/run/systemd/system/app.service
systemctl daemon-reload
systemctl start app
cd /sys/fs/cgroup$(systemctl show --property=ControlGroup --value app)
ls -d */
`);
  expect(output).toEqual(["generation-1/", VERSION >= 254 ? "boss/" : "supervisor/"].sort());
});

test("a user whom polkit allows it reloads the unit by zerodown reload, and sees systemd's half of its status", () => {
  const rule = `polkit.addRule(function(action, subject) {
  if (action.id == "org.freedesktop.systemd1.manage-units" && action.lookup("verb") == "reload" && subject.user == "nobody")
    return polkit.Result.YES;
});`;
  const output = besideSystemManager(`${INSTALL}
mkdir -p /etc/polkit-1/rules.d
cat >/etc/polkit-1/rules.d/50-deploy.rules <<'RULE'
${rule}
RULE
ask
deploy() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@" 2>&1 || echo "exit status $?"; }
deploy zerodown reload zerodown@app
ask
deploy zerodown status zerodown@app
echo "ZERODOWN_COMMAND=false" >/etc/zerodown/app.conf
deploy zerodown reload --replace zerodown@app
`);
  expect(output).toEqual([
    expect.stringMatching(/^Hello from generation 1/),
    "zerodown@app.service: reloaded, says systemd; its supervisor is another user's",
    expect.stringMatching(/^Hello from generation 2/),
    expect.stringMatching(/^zerodown@app\.service: active \(running\), MainPID=\d+/),
    expect.stringMatching(/^ {2}Generation 2 /),
    expect.stringMatching(/^zerodown: .*no permission/),
    "exit status 77",
    expect.stringMatching(/^zerodown: .*no permission/),
    "exit status 77",
  ]);
});
