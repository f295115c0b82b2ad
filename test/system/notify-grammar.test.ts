// Datagrams of every shape, each sent to systemd by a plain unit and to the supervisor by a generation: both take the
// same.

import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { parseNotifyMessage } from "../../src/systemd/as-manager/notify-message.js";
import { Manager } from "../../src/systemd/dbus.js";
import { printable } from "../../src/systemd/formats/printable.js";
import { reloadBy, statusOf } from "../support/control.js";
import { followFile } from "../support/follow.js";
import { beginReload } from "../support/puppet.js";
import { APPS, killSupervisors, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";
import { removeUnits as removeApps } from "../support/unit.js";
import { installUnits, removeUnits, systemctl } from "../support/user-manager.js";

let directory: ReturnType<typeof temporaryDirectory>;
afterEach(async () => {
  removeUnits();
  await removeApps();
  await killSupervisors();
  directory?.remove();
});

/**
 * A character a byte. Of STOPPING=1 before READY=1, and RELOADING=1 after it, systemd 252 and 257 make different
 * things.
 */
const DATAGRAMS = [
  "READY=1",
  "READY=1\n",
  "READY=1\r\n",
  "READY=1\rSTATUS=x",
  "STATUS=x\r\nREADY=1\r\n",
  "\n\r\n\nREADY=1",
  "READY=1\0",
  "READY=1\0\0",
  "READY=1\0STATUS=x",
  "READY=1 ",
  " READY=1",
  "READY=1\t",
  "'READY=1'",
  "ready=1",
  "READY=0\nREADY=1",
  "READY=1\nREADY=0",
  "READY=1\nSTOPPING=1",
  "RELOADING=1\nREADY=1",
  "STATUS=\xff\nREADY=1",
  "X_MINE=\xff\nREADY=1",
  "STATUS=a\nSTATUS=\xff",
  "STATUS=\xff\nSTATUS=b",
  "STATUS=\xef\xbf\xbe\nREADY=1",
  "STATUS=\xed\xa0\x80\nREADY=1",
  "STATUS=\xc3\xa9\nREADY=1",
  "STATUS=\nREADY=1",
  "STATUS='a b'\nREADY=1",
  "STATUS=a\tb",
  "\xef\xbb\xbfREADY=1",
  "READY\\=1",
  "STATUS=a\\b\nREADY=1",
  "STATUS=a\\\\\nREADY=1",
  "STATUS=a\\\nREADY=1",
  "READY=1\nSTATUS=a\\",
  "READY=1\nSTATUS=a\\\\",
  `READY=1\n${"x".repeat(4096 - 8)}`,
  `READY=1\n${"x".repeat(4097 - 8)}`,
  "",
  "\n",
  "=\n==",
  "ERRNO=2",
  "ERRNO=ENOENT",
  "ERRNO= 2",
  "ERRNO=+2",
  "ERRNO=-2",
  "ERRNO=0x10",
  "ERRNO=010",
  "ERRNO=2 ",
  "ERRNO=4095",
  "ERRNO=4096",
  "ERRNO=x\nERRNO=2",
  "WATCHDOG_USEC=5000000",
  "WATCHDOG_USEC= 5000000",
  "WATCHDOG_USEC=+5000000",
  "WATCHDOG_USEC=-1",
  "WATCHDOG_USEC=0x500000",
  "WATCHDOG_USEC=010000000",
  "WATCHDOG_USEC=090000000",
  "WATCHDOG_USEC=5000000 ",
  "WATCHDOG_USEC=5s",
  "WATCHDOG_USEC=0",
  "WATCHDOG_USEC=",
  "WATCHDOG_USEC=18446744073709551615",
  "WATCHDOG_USEC=18446744073709551616",
  "FDSTORE=1",
  "FDSTORE=1\r\nFDNAME=a\\\\b",
  "FDSTORE=1\nFDNAME=\xff",
  "FDSTORE=0\nFDNAME=a",
  "FDSTORE=yes",
].map(text => Buffer.from(text, "latin1"));

/** The part of a datagram that was taken. */
interface Taken {
  datagram: string;
  ready: boolean;
  status: string;
  errno: number;
  /** Microseconds; undefined when it was left as it is. */
  watchdog: number | undefined;
  stored: number;
}

const show = (data: Buffer) => JSON.stringify(data.toString("latin1")).slice(0, 60);

async function takenBySystemd(path: string): Promise<Taken[]> {
  const service = [
    "[Service]",
    "Type=notify",
    "NotifyAccess=all",
    "FileDescriptorStoreMax=9",
    "WatchdogSec=100s",
    `StandardOutput=append:${path}/log`,
    `ExecStart=/usr/bin/python3 -IS ${APPS}datagram.py ${path}/%i`,
  ];
  installUnits({ "datagram@.service": `${service.join("\n")}\n` });
  writeFileSync(`${path}/log`, "");
  const log = followFile(`${path}/log`);
  const units = DATAGRAMS.map((_, index) => `datagram@${index}.service`);
  systemctl("start", "--no-block", ...units);
  for (const index of DATAGRAMS.keys()) await log.lines.next(new RegExp(`^sent ${index}$`));
  log.close();

  const manager = await Manager.connect("user");
  const all = await Promise.all(units.map(unit => manager.unitProperties(unit)));
  manager.close();
  systemctl("kill", "--signal=KILL", ...units);
  systemctl("stop", ...units);
  systemctl("reset-failed", ...units);
  return all.map((properties, index) => ({
    datagram: show(DATAGRAMS[index]!),
    ready: properties.ActiveState === "active",
    status: printable(String(properties.StatusText)),
    errno: Number(properties.StatusErrno),
    watchdog: properties.WatchdogUSec === 100_000_000n ? undefined : Number(properties.WatchdogUSec),
    stored: Number(properties.NFileDescriptorStore),
  }));
}

/** Sends one datagram after the other, each from a new generation. */
async function takenByZerodown(path: string): Promise<Taken[]> {
  const command = ["sh", "-c", `exec /usr/bin/python3 -IS ${APPS}datagram.py $(readlink -f ${path}/next)`];
  const deploy = (file: string) => {
    symlinkSync(file, `${path}/new`);
    renameSync(`${path}/new`, `${path}/next`);
  };
  writeFileSync(`${path}/first`, "READY=1");
  deploy("first");
  const supervisor = new TestSupervisor(["--fdstore-max", "9", "--", ...command], { env: { RUNTIME_DIRECTORY: path } });
  await supervisor.serving(1);

  const taken: Taken[] = [];
  const ends: Promise<string>[] = [];
  let storedBefore = 0;
  for (const [index, data] of DATAGRAMS.entries()) {
    const [number, from] = [index + 2, supervisor.output.count];
    deploy(String(index));
    reloadBy(supervisor, { replace: true }).catch(() => {});
    await supervisor.output.next(new RegExp(`^sent ${index}$`), from);
    const { generations, sockets } = await statusOf(supervisor);
    const { state, status } = generations.find(generation => generation.number === number)!;
    const watchdog = parseNotifyMessage(data)?.watchdogTimeout;
    const stored = sockets.filter(socket => socket.stored).length;
    taken.push({
      datagram: show(data),
      ready: state === "serving",
      status,
      errno: 0,
      watchdog: watchdog === Number.POSITIVE_INFINITY ? 2 ** 64 : watchdog,
      stored: stored - storedBefore,
    });
    storedBefore = stored;
    ends.push(supervisor.log.next(new RegExp(`generation ${number} .*(was aborted|exited with)`)));
  }
  await supervisor.stop();
  // The supervisor tells what a generation reported when that has ended.
  const errnos = await Promise.all(ends.map(async end => Number(/ERRNO=(\d+)/.exec(await end)?.[1] ?? 0)));
  return taken.map((row, index) => ({ ...row, errno: errnos[index]! }));
}

test("systemd and the supervisor take the same of every datagram", async () => {
  directory = temporaryDirectory();
  const { path } = directory;
  for (const [index, data] of DATAGRAMS.entries()) writeFileSync(`${path}/${index}`, data);
  expect(await takenByZerodown(path)).toEqual(await takenBySystemd(path));
}, 180_000);

test("a STATUS= that ends with a backslash reaches systemd as it is, and no READY=1 is lost with it", async () => {
  const { puppet, unit, reload } = await beginReload({});
  await puppet.run("sh systemd-notify '--status=C:\\\\'", 2);
  await puppet.run("sh systemd-notify --ready", 2);
  expect((await reload).status).toBe(0);
  expect(await unit.property("StatusText")).toMatch(/^Generation 2 \(pid \d+\) serving: C:\\(?:;|$)/);
  expect(await unit.property("ActiveState")).toBe("active");
});
