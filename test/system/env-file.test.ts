// parseEnvFile() against the real EnvironmentFile=: a real systemd reads the same files, and a process of the unit
// shows what it got.

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseEnvFile } from "../../src/systemd/formats/env-file.js";
import { temporaryDirectory } from "../support/supervisor.js";

const directory = temporaryDirectory();
const template = `zerodown-env-file-${process.pid}`;
const unitFile = `${process.env.XDG_CONFIG_HOME}/systemd/user/${template}@.service`;

beforeAll(() => {
  writeFileSync(
    unitFile,
    `[Service]
Type=oneshot
EnvironmentFile=${directory.path}/%i.env
ExecStart=/bin/cat /proc/self/environ
StandardOutput=truncate:${directory.path}/%i.out
`,
  );
  execFileSync("systemctl", ["--user", "daemon-reload"]);
});

afterAll(() => {
  rmSync(unitFile);
  directory.remove();
});

/** Returns what a process of a unit with that EnvironmentFile= finds in its environment, for each of the files. */
function readBySystemd(files: readonly string[]): Record<string, string>[] {
  const all = ["", ...files];
  all.forEach((text, index) => {
    writeFileSync(`${directory.path}/${index}.env`, text);
  });
  execFileSync("systemctl", ["--user", "start", ...all.map((_, index) => `${template}@${index}`)]);
  const [always, ...environments] = all.map((_, index) => {
    const entries = readFileSync(`${directory.path}/${index}.out`, "utf8").split("\0").slice(0, -1);
    return entries.map(entry => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)] as const);
  });
  const names = new Set(always!.map(([name]) => name));
  return environments.map(entries => Object.fromEntries(entries.filter(([name]) => !names.has(name))));
}

const TRICKY = `# a comment
; another one
A1=plain
 \tA2 = blanks around
A3=blanks  inside \t
A4="double \\" \\\\ \\\` \\$ \\n kept"
A5='single \\ " $HOME'
A6="two
lines"
A7='two
lines'
A8=one \\
two
A9="one \\
two"
B1=escaped\\ blank\\
B2=quoted "in" the 'middle'
B3="quoted" then plain
B4='a'"b"c
B5=trailing\\\\
B6=
B7=""
B8=# no comment
B9="tab	in quotes"
C1=first
C1=second
C2=blank kept  \\

C3=blanks kept  \\
   \t
C4=x\\y
1D=a digit
D-2=a dash
D 3=a blank
export D4=a command
=no name
D5
D6=a=b=c
\\D7=escape in the name
é=not ASCII
E1=caf\u00e9 \u2713
E2=\u00a0no-break spaces\u00a0
E3="\u2003"
E4=\u000bvertical tab
E5=bell\u0007
E6="carriage\rreturn"
E7="line\\\r
end"
E8\u00a0=a no-break space in the name
CR1=crlf\r
CR2="crlf"\r
CR3=one \\\r
CR4=two\r
\rCR5=cr\rCR6=cr
LAST=no newline at the end`;

test("a tricky file means to us what it means to systemd", () => {
  const files = [TRICKY, `\ufeff${TRICKY}`, "A=x \\", 'A="x ', "A='x ", 'A="x\\', "A", "A=", "A= ", "# x\\y\\ \nA=1"];
  expect(files.map(text => parseEnvFile(text))).toEqual(readBySystemd(files));
});

/** Before systemd 254 a backslash at the end of a comment continued it. */
const isOld = Number(/^systemd (\d+)/.exec(execFileSync("systemctl", ["--version"], { encoding: "utf8" }))![1]) < 254;
const CONTINUED_COMMENT = /[#;][^\n\r]*\\[\n\r]/;

test("random files mean to us what they mean to systemd", () => {
  const pieces = [
    ..."A B=='\"\\ \n\n#;$`\r\t\v1é\u00a0\u2028\u0001\u007f",
    "\nA=",
    "\n_b=",
    "\\\n",
    '"\n',
    "'\n",
    "\r\n",
    "A=1\n",
  ];
  const arbitrary = fc
    .array(fc.constantFrom(...pieces), { maxLength: 30, size: "max" })
    .map(parts => `A=${parts.join("")}`)
    .filter(text => !(isOld && CONTINUED_COMMENT.test(text)));
  const files = fc.sample(arbitrary, 100);
  const theirs = readBySystemd(files);
  expect(files.map(text => ({ text, variables: parseEnvFile(text) }))).toEqual(
    files.map((text, index) => ({ text, variables: theirs[index] })),
  );
});
