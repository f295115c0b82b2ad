// zerodown unit --install, beside a real systemd: two commands from nothing to a service.

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { EXAMPLE_APP, temporaryDirectory } from "../support/supervisor.js";
import { property, systemctl, UNITS, zerodown } from "../support/user-manager.js";

const NAME = `zerodown-install-${process.pid}`;
const directory = temporaryDirectory();
const app = `${directory.path}/app.mjs`;
const socket = `${directory.path}/app.sock`;
copyFileSync(EXAMPLE_APP, app);
afterEach(() => {
  systemctl("stop", `${NAME}.socket`, `${NAME}.service`);
  systemctl("disable", `${NAME}.socket`, `${NAME}.service`);
  for (const suffix of ["socket", "service"]) rmSync(`${UNITS}/${NAME}.${suffix}`, { force: true });
  systemctl("daemon-reload");
});
afterAll(() => directory.remove());

const install = (...options: string[]) =>
  zerodown("unit", "--user", "--install", ...options, "--listen", socket, NAME, "--", process.execPath, app);

async function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, agent: false }, async response =>
      resolve((await response.toArray()).join("")),
    );
    asked.on("error", reject).end();
  });
}

test("the commands that it prints start the service, and reload it", async () => {
  const { status, stdout, stderr } = install();
  expect([status, stderr]).toEqual([0, ""]);
  const lines = stdout.split("\n");
  expect(lines.slice(0, 2)).toEqual([`wrote ${UNITS}/${NAME}.service`, `wrote ${UNITS}/${NAME}.socket`]);
  const commands = lines.filter(line => line.startsWith("  ")).map(line => line.trim().split(/ {2,}/)[0]!);
  expect(commands).toHaveLength(3);
  for (const command of commands) execFileSync("sh", ["-c", command], { stdio: "pipe" });
  expect(await ask()).toMatch(/generation 2/);
  expect(property(NAME, "SyslogIdentifier")).toBe(NAME);
});

test("units that are there stay as they are, but with --force", () => {
  const unit = `${UNITS}/${NAME}.service`;
  writeFileSync(unit, "# mine\n");
  expect(install()).toMatchObject({ status: 64, stderr: `zerodown: ${unit} is there already: --force replaces it\n` });
  expect([readFileSync(unit, "utf8"), existsSync(`${UNITS}/${NAME}.socket`)]).toEqual(["# mine\n", false]);
  expect(install("--force").status).toBe(0);
  expect(readFileSync(unit, "utf8")).toContain("ExecReload=");
});

test("--force replaces the link of a masked unit, and not what it leads to", () => {
  const unit = `${UNITS}/${NAME}.service`;
  symlinkSync("/dev/null", unit);
  expect(install().status).toBe(64);
  expect(install("--force").status).toBe(0);
  expect(lstatSync(unit).isFile()).toBe(true);
});

test("a directory in a unit's place is refused before anything is written", () => {
  mkdirSync(`${directory.path}/taken/${NAME}.socket`, { recursive: true });
  const { status, stderr } = install("--force", "--directory", `${directory.path}/taken`);
  expect([status, stderr]).toEqual([64, expect.stringMatching(/is a directory\n$/)]);
  expect(readdirSync(`${directory.path}/taken`)).toEqual([`${NAME}.socket`]);
});

test("what systemd-analyze finds wrong isn't installed", () => {
  const { status, stderr } = install("--zerodown", "/nowhere/zerodown");
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^zerodown: systemd-analyze finds something wrong.*\n {2}.*\/nowhere\/zerodown is not executable/,
    ),
  ]);
  expect(existsSync(`${UNITS}/${NAME}.service`)).toBe(false);
});

test("--directory says where, and a directory that can't be made is exit status 73", () => {
  expect(install("--directory", `${directory.path}/units`).stdout).toContain(
    `wrote ${directory.path}/units/${NAME}.socket`,
  );
  expect(install("--directory", `${directory.path}/units`, "--force").stdout).toContain("systemctl --user link ");
  expect(install("--directory", "")).toMatchObject({
    status: 64,
    stderr: "zerodown: --directory: the path is empty\n",
  });
  expect(install("--directory", `${app}/units`)).toMatchObject({
    status: 73,
    stderr: expect.stringMatching(/ENOTDIR/),
  });
});

test("--force and --directory without it are wrong usage", () => {
  const args = ["--user", "--listen", socket, NAME, "--", "/bin/true"];
  expect(zerodown("unit", "--force", ...args)).toMatchObject({
    status: 64,
    stderr: "zerodown: --force says how to --install\n",
  });
  expect(zerodown("unit", "--directory", "/tmp", ...args).stderr).toBe("zerodown: --directory says how to --install\n");
});
