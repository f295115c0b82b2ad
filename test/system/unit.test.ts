// A real systemd takes what `zerodown unit` prints.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Manager, type UnitProperties } from "../../src/systemd/dbus.js";
import { commandLine } from "../../src/systemd/formats/unit-files.js";
import { loopback } from "../support/http-load.js";
import { EXAMPLE_APP, temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { installUnits, property, removeUnits, systemctl, UNITS, zerodown } from "../support/user-manager.js";
import { verify } from "../support/verify.js";

const directory = temporaryDirectory();
afterEach(removeUnits);
afterAll(() => directory.remove());

const NAME = `zerodown-unit-${process.pid}`;
const APP = ["--", process.execPath, `${directory.path}/app.mjs`];

/** Prints the units for NAME, and returns them by their file's names. */
function print(...args: string[]): Record<string, string> {
  const { status, stdout, stderr } = zerodown("unit", ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const files = stdout.split(/^(?=# [/~]\S+\.(?:service|socket|path)$)/m);
  return Object.fromEntries(files.map(text => [/^# \S+\/(\S+)/.exec(text)![1]!, text]));
}

async function properties(...units: string[]): Promise<UnitProperties[]> {
  const manager = await Manager.connect("user");
  try {
    return await Promise.all(units.map(unit => manager.unitProperties(unit)));
  } finally {
    manager.close();
  }
}

test("random arguments reach the process as they are, and D-Bus shows them, but for its $$", async () => {
  const tricky = fc.constantFrom(
    ..."%$\"'\\ ;#{}~*\t\n\r\v\u0001\u007f\u0085\u00a0\u2028é€😀n",
    "%n",
    "$HOME",
    "${" + "HOME}",
    "\\x41",
  );
  const argument = fc.oneof(
    fc.array(tricky, { maxLength: 8 }).map(parts => parts.join("")),
    fc.string({ unit: "binary" }).filter(text => !/[\0\p{Noncharacter_Code_Point}]/u.test(text)),
    fc.constantFrom("", ";", "-x", "--", "@a", ":b", "+", "!", "|", "\\", '"', "'"),
  );
  const all = fc.sample(fc.array(argument, { minLength: 1, maxLength: 8 }), 60);
  const names = all.map((_, index) => `${NAME}-quote-${index}.service`);
  const outputs = all.map((_, index) => `${directory.path}/${index}.out`);
  installUnits(
    Object.fromEntries(
      all.map((args, index) => [
        names[index],
        `[Service]\nType=oneshot\nExecStart=${commandLine(["/usr/bin/printf", "%s\\0", ...args])}\nStandardOutput=truncate:${outputs[index]}\n`,
      ]),
    ),
  );
  expect((await properties(...names)).map(({ ExecStart }) => (ExecStart as [string, string[]][])[0]?.[1])).toEqual(
    all.map(args => ["/usr/bin/printf", "%s\\0", ...args.map(argument => argument.replaceAll("$", "$$$$"))]),
  );
  expect(systemctl("start", ...names).status).toBe(0);
  expect(outputs.map(path => readFileSync(path, "utf8").split("\0").slice(0, -1))).toEqual(all);
});

test("addresses of all kinds are listened on as they are, in their order", async () => {
  const path = `${directory.path}/50% $a.sock`;
  const listen = ["--listen-datagram", `fd name%=@${NAME}%n`, "--listen", `fd name%=${path}`, "--listen-seqpacket"];
  const files = print("--user", ...listen, `fd name%=@${NAME}`, NAME, ...APP);
  installUnits(files);
  const [socket] = await properties(`${NAME}.socket`);
  expect([socket!.Listen, socket!.FileDescriptorName]).toEqual([
    [
      ["Datagram", `@${NAME}%n`],
      ["Stream", path],
      ["SequentialPacket", `@${NAME}`],
    ],
    "fd name%",
  ]);
});

test.each([
  ["--user", ["--user"]],
  ["--system", ["--run-as", "daemon", "--system"]],
] as const)(
  "systemd-analyze and zerodown check find nothing wrong in units for such a manager: %s",
  (scope, options) => {
    const files = print(...options, "--listen", "8080", "--stop-timeout", "5min", "--ready=delay:2s", NAME, ...APP);
    expect(Object.keys(files)).toEqual([`${NAME}.service`, `${NAME}.socket`]);
    installUnits(files);
    writeFileSync(`${directory.path}/app.mjs`, "");
    const paths = Object.keys(files).map(name => `${UNITS}/${name}`);
    expect(verify(scope, ...paths)).toEqual([]);
    expect(zerodown("check", "--user", NAME)).toEqual({
      status: 0,
      stdout: `${NAME}.service: nothing wrong\n`,
      stderr: "",
    });
  },
);

test("a Node that isn't in systemd's $PATH: the units start with it, and so does an app on it", async () => {
  const bin = `${directory.path}/v20/bin`;
  mkdirSync(bin, { recursive: true });
  symlinkSync(ZERODOWN, `${bin}/zerodown`);
  copyFileSync(process.execPath, `${bin}/nodenvm`);
  copyFileSync(EXAMPLE_APP, `${directory.path}/app.mjs`);
  const path = `${directory.path}/v20.sock`;
  const options = ["--user", "--listen", path, NAME, "--", "nodenvm", `${directory.path}/app.mjs`];
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  const { stdout } = spawnSync(`${bin}/zerodown`, ["unit", ...options], { encoding: "utf8", env });
  expect(stdout).toContain(`\nEnvironment=PATH=${bin}:`);
  const [service, socket] = stdout.split(/^(?=# \S+\.socket$)/m);
  installUnits({ [`${NAME}.service`]: service!, [`${NAME}.socket`]: socket! });
  expect(systemctl("start", `${NAME}.socket`).status).toBe(0);
  expect(await ask(path)).toBe("Hello from generation 1");
});

test("--queues: the line is there for each worker, systemd listens on all, and a unix socket is there once", async () => {
  const { host, port } = loopback();
  const unix = `${directory.path}/queues.sock`;
  const listen = ["--listen", `${host}:${port}`, "--listen", unix];
  const files = print("--user", ...listen, "--workers", "3", "--queues", "3", NAME, ...APP);
  installUnits(files);
  writeFileSync(`${directory.path}/app.mjs`, "");
  const [socket] = await properties(`${NAME}.socket`);
  const line = ["Stream", `${host}:${port}`];
  expect([socket!.Listen, socket!.ReusePort]).toEqual([[line, line, line, ["Stream", unix]], true]);
  expect(zerodown("check", "--user", NAME)).toMatchObject({ status: 0, stdout: `${NAME}.service: nothing wrong\n` });
  expect(systemctl("start", `${NAME}.socket`).status).toBe(0);
  expect(files[`${NAME}.service`]).not.toContain("--queues");
  expect(print("--listen", "80", "--workers", "3", NAME, ...APP)[`${NAME}.socket`]).not.toContain("ReusePort");
});

test("NoDelay=yes for TCP, and for it alone", () => {
  const socketOf = (...listen: string[]) => print(...listen, NAME, ...APP)[`${NAME}.socket`];
  expect(socketOf("--listen", "8080")).toContain("\nNoDelay=yes\n");
  expect(socketOf("--listen", "/run/a.sock", "--listen", "@a")).not.toContain("NoDelay");
  expect(socketOf("--listen-datagram", "8080")).not.toContain("NoDelay");
});

/** The generation that answers. */
function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, agent: false }, response => {
      let text = "";
      response.on("data", (data: Buffer) => (text += data));
      response.on("end", () => resolve(text.replace(/,.*\n/, "")));
    });
    asked.on("error", reject).end();
  });
}

test("the unit starts with a connection, reloads, fails to reload with bad code, and stops; its socket stays", async () => {
  const app = `${directory.path}/app.mjs`;
  const path = `${process.env.XDG_RUNTIME_DIR}/${NAME}/app.sock`;
  copyFileSync(EXAMPLE_APP, app);
  installUnits(print("--user", "--listen", path, "--zerodown", ZERODOWN, NAME, ...APP));
  expect(systemctl("start", `${NAME}.socket`).status).toBe(0);
  expect(await ask(path)).toBe("Hello from generation 1");

  writeFileSync(app, readFileSync(app, "utf8").replace("Hello", "Servus"));
  expect(systemctl("reload", NAME).status).toBe(0);
  expect(await ask(path)).toBe("Servus from generation 2");

  writeFileSync(app, "process.exit(3)");
  expect(systemctl("reload", NAME).status).toBe(1);
  expect(await ask(path)).toBe("Servus from generation 2");
  expect(property(NAME, "ActiveState")).toBe("active");

  expect(systemctl("stop", NAME).status).toBe(0);
  expect(property(NAME, "Result")).toBe("success");
  expect(existsSync(path)).toBe(true);
  copyFileSync(EXAMPLE_APP, app);
  expect(await ask(path)).toBe("Hello from generation 1");
});
