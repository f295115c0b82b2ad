// The supervisor's own arguments and environment reach the app byte by byte, though a shell and Node stand between.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestCommand } from "../../support/command.js";
import { killSupervisors, TestSupervisor, temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";
import { TestProcess } from "../../support/test-process.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  await killSupervisors();
  directory.remove();
});

/** A script of an app that leaves what it was executed with in $OUT. */
const TELL =
  "cat /proc/$$/environ >$OUT/environ; cat /proc/$$/cmdline >$OUT/cmdline; readlink -n /proc/$$/cwd >$OUT/cwd";
const told = (what: string) => readFileSync(`${directory.path}/${what}`, "latin1");
const ends = { status: 0, signal: null };

/** Runs it by a shell, because Node can't give such bytes to a child. */
async function start(script: string): Promise<TestProcess> {
  const env = { OUT: directory.path, ZERODOWN };
  const command = new TestProcess("/bin/sh", ["-c", script], { env });
  const ended = await command.ended;
  expect([ended, command.errors.matching(/refused|ENOENT|Error/)]).toEqual([ends, []]);
  return command;
}

test("variables of any name and any bytes, those that a shell sets itself and those that Node heeds among them", async () => {
  const variables = [
    ...["foo.bar=1", "a-b=2", "npm_config_//registry=3", "7=digit", "EMPTY=", "LINES_=a\nb\n\n", "GLOB=*  ?"],
    ...["PWD=/nowhere", "OLDPWD=/old", "SHLVL=41", "_=underscore", "IFS=x", "OPTIND=7", "PPID=1", "PS4=+", "LINENO=9"],
    ...["NODE_OPTIONS=--require=/none", "NODE_EXTRA_CA_CERTS=/none", "NODE_DEBUG=net,timer", "NODE_=", "UV_X=1"],
    ...["NODE_V8_COVERAGE=/none/coverage", "NODE_PRESERVE_SYMLINKS_MAIN=1", "NODE_odd=x y", "OPENSSL_CONF=/none"],
    ...[
      "ZERODOWN_NODE_OPTIONS=own",
      "ZERODOWN_STAT=own",
      "ZERODOWN_ENVIRONMENT_1=own",
      "ZERODOWN_WORD=own",
      "__proto__=p",
    ],
    `PATH=${process.env.PATH}`,
  ];
  const quoted = [...variables, `OUT=${directory.path}`].map(text => `'${text}'`).join(" ");
  const bytes = `"BYTES=$(printf '\\377\\300\\201x')" "$(printf 'N\\377')=1"`;
  const app = `'${TELL}'`;
  await start(`cd /; exec env -i ${quoted} ${bytes} $ZERODOWN run --ready exec -- /bin/sh -c ${app}`);
  const expected = [...variables, `OUT=${directory.path}`, "BYTES=\xff\xc0\x81x", "N\xff=1"];
  const ours = /^(?:NOTIFY_SOCKET|ZERODOWN_GENERATION|ZERODOWN_SUPERVISOR_PID)=/;
  const found = told("environ").split("\0").slice(0, -1);
  expect(found.filter(entry => !ours.test(entry)).sort()).toEqual(expected.sort());
  expect(found.filter(entry => ours.test(entry))).toHaveLength(3);
});

test("more of it than fits into one variable", async () => {
  const value = "x y\n".repeat(30_000);
  writeFileSync(`${directory.path}/value`, value);
  await start(
    `A=$(cat $OUT/value).; export A; B=$A; export B; exec $ZERODOWN run --ready exec -- /bin/sh -c '${TELL}'`,
  );
  const found = told("environ").split("\0");
  expect(found.filter(entry => /^[AB]=/.test(entry)).sort()).toEqual([
    `A=${value.trimEnd()}.`,
    `B=${value.trimEnd()}.`,
  ]);
});

test("arguments, working directory and the env file's path and values that aren't UTF-8", async () => {
  writeFileSync(`${directory.path}/env`, Buffer.from("FILE=\xff\xfe\nUTF8=\xc3\xa9\n", "latin1"));
  await start(`cd $OUT; D=$(printf 'd\\377'); mkdir $D; cp env $D/e$D; cd $D
exec $ZERODOWN run --ready exec --env-file "e$D" --working-directory=../$D -- /bin/sh -c '${TELL}' "$(printf 'a\\300b')" é ''`);
  expect(told("cmdline").split("\0")).toEqual(["/bin/sh", "-c", TELL, "a\xc0b", "\xc3\xa9", "", ""]);
  expect(told("cwd")).toBe(`${directory.path}/d\xff`);
  expect(told("environ").split("\0")).toEqual(expect.arrayContaining(["FILE=\xff\xfe", "UTF8=\xc3\xa9"]));
});

test("a working directory that isn't UTF-8 and no option names", async () => {
  await start(`cd $OUT; D=$(printf 'd\\377'); mkdir $D; cd $D; unset PWD
exec $ZERODOWN run --ready exec -- /bin/sh -c '${TELL}'`);
  expect(told("cwd")).toBe(`${directory.path}/d\xff`);
});

const APP = "echo >&$ZERODOWN_READY_FD; exec sleep infinity";

test.each([
  ["NODE_DEBUG", "timer,net,stream"],
  ["NODE_PRESERVE_SYMLINKS_MAIN", "1"],
  ["NODE_V8_COVERAGE", "coverage"],
  ["NODE_OPTIONS", "--no-such-option"],
  ["NODE_EXTRA_CA_CERTS", "/none"],
  ["OPENSSL_CONF", "broken.cnf"],
])("%s is the app's: the supervisor, reload and status do not heed it", async (name, given) => {
  mkdirSync(`${directory.path}/coverage`);
  // Node aborts when a provider is named in place of the default one, and isn't there.
  const broken = "nodejs_conf = a\n[a]\nproviders = b\n[b]\nnone = c\n[c]\nactivate = 1\n";
  writeFileSync(`${directory.path}/broken.cnf`, broken);
  const value = name === "NODE_V8_COVERAGE" || name === "OPENSSL_CONF" ? `${directory.path}/${given}` : given;
  const env = { ...process.env, [name]: value };
  const options = ["--ready", "fd", "--start-timeout", "5s", "--on-crash", "exit"];
  // The command is started by a link, as npm makes one.
  const zerodown = `${directory.path}/zerodown`;
  symlinkSync(ZERODOWN, zerodown);
  const supervisor = new TestSupervisor([...options, "--", "/bin/sh", "-c", APP], { env, zerodown });
  await supervisor.serving(1);
  const asker = { env: { ...env, MAINPID: String(supervisor.pid) } };
  const reload = new TestCommand(zerodown, ["reload"], asker);
  expect((await reload.ended).status).toBe(0);
  const status = new TestCommand(zerodown, ["status"], asker);
  expect((await status.ended).status).toBe(0);
  expect([...reload.errors.matching(/./), ...status.errors.matching(/./)]).toEqual([]);
  expect(supervisor.log.matching(/NET|TIMER|internal error|node:|Warning/)).toEqual([]);
  const [pid] = supervisor.children().slice(-1);
  expect(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")).toContain(`${name}=${value}`);
  expect((await supervisor.stop()).status).toBe(0);
  expect(readdirSync(`${directory.path}/coverage`)).toEqual([]);
});

test("with NODE_DEBUG=timer limits are still kept", async () => {
  const options = ["--ready", "notify", "--start-timeout", "200ms"];
  const supervisor = new TestSupervisor([...options, "--", "sleep", "infinity"], { env: { NODE_DEBUG: "timer" } });
  await supervisor.log.next(/was not ready within 2\d\dms/);
  expect((await supervisor.ended).status).not.toBe(0);
});
