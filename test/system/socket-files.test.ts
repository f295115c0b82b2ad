// The files of the sockets that generations share, and what generations do to them: php-fpm, say, removes its socket's
// file when it ends.

import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { askOnce } from "../support/line-client.js";
import { APPS, killSupervisors, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";
import { type DropIns, installApp, removeUnits } from "../support/unit.js";

const directories: (() => void)[] = [];
afterEach(async () => {
  await removeUnits();
  await killSupervisors();
  for (const remove of directories.splice(0)) remove();
});

const RUNTIME = process.env.XDG_RUNTIME_DIR;

/** A unit whose app, test/apps/scripted.py, serves a socket with a file. */
function install({ socket = [], service = [] }: { socket?: string[]; service?: string[] } = {}) {
  const path = `${RUNTIME}/file-${randomBytes(4).toString("hex")}.sock`;
  const dropIns: DropIns = { service, socket: ["ListenStream=", `ListenStream=${path}`, ...socket] };
  const unit = installApp({
    ...dropIns,
    command: directory => `/usr/bin/python3 ${APPS}scripted.py ${directory}`,
    options: "--stop-signal INT",
  });
  /** Writes what generations do from now on, in Python. */
  const script = (when: "start" | "end", ...lines: string[]) =>
    writeFileSync(`${unit.directory}/${when}`, `path = "${path}"\n${lines.join("\n")}\n`);
  script("start");
  script("end");
  return { unit, path, script, keep: `${dirname(path)}/.${basename(path)}.zerodown-keep` };
}

/** Matches a line that is exactly this. */
const line = (text: string) => new RegExp(`^${text.replace(/[.()]/g, "\\$&")}$`);

const mode = (path: string) => (lstatSync(path).mode & 0o777).toString(8);
const UNLINK = "os.unlink(path)";

test("one that an old generation removes when it ends is put back, and clients connect", async () => {
  const { unit, path, script, keep } = install();
  script("end", UNLINK);
  await unit.start();
  const { ino } = lstatSync(path);
  for (const generation of [2, 3]) {
    const from = unit.log.count;
    await unit.reload();
    await unit.log.next(new RegExp(`${path} was gone when generation ${generation - 1} had ended: put back`), from);
    expect(await askOnce({ path })).toMatch(new RegExp(`of generation ${generation}$`));
  }
  expect(lstatSync(path).ino).toBe(ino);
  // The last one does it, too: then the next connection starts the service again.
  await unit.stop();
  expect([existsSync(path), existsSync(keep)]).toEqual([true, false]);
  expect(await askOnce({ path })).toMatch(/of generation 1$/);
});

test("one that a candidate removes is put back when that fails, or is ready", async () => {
  const { unit, path, script } = install();
  await unit.start();
  script("start", UNLINK, "sys.exit(3)");
  expect(await unit.systemctl("reload", unit.service)).toMatchObject({ status: 1 });
  await unit.log.next(
    line(`zerodown: ${path} was gone when generation 2 had ended: put back, so that clients can connect`),
  );
  expect(await askOnce({ path })).toMatch(/of generation 1$/);
  script("start", UNLINK);
  await unit.reload();
  await unit.log.next(
    line(`zerodown: ${path} was gone when generation 3 became ready: put back, so that clients can connect`),
  );
  expect(lstatSync(path).isSocket()).toBe(true);
});

test("mode and owner that an old generation changes when it ends are put back; what a new one has set stays", async () => {
  const { unit, path, script } = install();
  await unit.start();
  expect(mode(path)).toBe("666");
  script("start", "os.chmod(path, 0o660)", "os.chown(path, 0, 33)");
  await unit.reload();
  await unit.log.next(/generation 1 .* drained/);
  script("start");
  script("end", "os.chmod(path, 0)", "os.chown(path, 65534, 65534)");
  await unit.reload();
  await unit.log.next(
    line(
      `zerodown: ${path} had mode 0000, owner 65534:65534 when generation 2 had ended: put back to mode 0660, owner 0:33`,
    ),
  );
  expect({ mode: mode(path), uid: lstatSync(path).uid, gid: lstatSync(path).gid }).toEqual({
    mode: "660",
    uid: 0,
    gid: 33,
  });
});

test("another file in its place is left alone, and told of once", async () => {
  const { unit, path, script } = install();
  script("end", UNLINK, "socket.socket(socket.AF_UNIX).bind(path)");
  await unit.start();
  await unit.reload();
  await unit.log.next(
    line(
      `zerodown: ${path} was another file when generation 1 had ended: it is left alone, and who connects there doesn't get here`,
    ),
  );
  const { ino } = lstatSync(path);
  script("end");
  for (const generation of [2, 3]) {
    await unit.reload();
    await unit.log.next(new RegExp(`generation ${generation} .* drained`));
  }
  expect(lstatSync(path).ino).toBe(ino);
  expect(unit.log.matching(/was another file/)).toHaveLength(1);
});

test("without a second name, which may be forbidden, the log says that nobody can connect", async () => {
  const { unit, path, script, keep } = install();
  // A directory can't be replaced by a link.
  script("end", UNLINK);
  await unit.must("daemon-reload");
  await unit.must("start", unit.socket);
  mkdirSync(keep);
  try {
    await unit.must("start", unit.service);
    await unit.reload();
    expect(await unit.log.next(/was gone/)).toMatch(
      /: .* was gone when generation 1 had ended, and nobody can connect: it can't be put back \(EISDIR: .*\); restart what opened it \(the \.socket unit, or this service\)$/,
    );
    expect(existsSync(path)).toBe(false);
  } finally {
    rmSync(keep, { recursive: true });
  }
});

test("what a killed supervisor left is taken over by the next: one second name, and the file is put back from it", async () => {
  const { unit, path, keep } = install({ service: ["Restart=no"] });
  await unit.start();
  await unit.must("kill", "--kill-who=main", "--signal=KILL", unit.service);
  await unit.systemctl("reset-failed", unit.service);
  expect(existsSync(keep)).toBe(true);
  rmSync(path);
  const from = unit.log.count;
  await unit.systemctl("start", unit.service);
  await unit.log.next(line(`zerodown: ${path} was gone, and is put back from what the last supervisor had kept`), from);
  expect(await askOnce({ path })).toMatch(/of generation 1$/);
  expect(
    readdirSync(dirname(path))
      .filter(name => name.includes(basename(path)))
      .sort(),
  ).toEqual([basename(keep), basename(path)].sort());
  await unit.stop();
  expect(existsSync(keep)).toBe(false);
});

test("those of --listen are put back as well, and nothing is left at the end", async () => {
  const { path: directory, remove } = temporaryDirectory();
  directories.push(remove);
  const path = `${directory}/own.sock`;
  writeFileSync(`${directory}/start`, "");
  writeFileSync(`${directory}/end`, `os.unlink("${path}")`);
  const supervisor = new TestSupervisor(["--listen", path, "--", "python3", `${APPS}scripted.py`, directory]);
  await supervisor.serving(1);
  await supervisor.reload();
  await supervisor.log.next(
    line(`zerodown: ${path} was gone when generation 1 had ended: put back, so that clients can connect`),
  );
  expect(await askOnce({ path })).toMatch(/of generation 2$/);
  expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
  expect(readdirSync(directory).sort()).toEqual(["end", "start"]);
});
