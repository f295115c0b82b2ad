// What is put into a command between braces, and what of an app's own braces stays as it is.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { asItStands, misspelt, namesIn, putIn } from "../../../src/supervisor/placeholders.js";

const STANDING = {
  generation: "7",
  worker: "2",
  release: "/srv/app/releases/42",
  runtime: "/run/app/zerodown-812/notify-7.d",
  fd: (name: string | undefined) => (name === undefined ? "3" : `<${name}>`),
};

test.each([
  ["{generation}", "7"],
  ["--name=app-{generation}-{worker}", "--name=app-7-2"],
  ["pid {runtime}/nginx.pid; error_log stderr;", "pid /run/app/zerodown-812/notify-7.d/nginx.pid; error_log stderr;"],
  ["{release}/conf", "/srv/app/releases/42/conf"],
  ["fd://{fd}", "fd://3"],
  ["{fd:web}{fd:a.b-c}", "<web><a.b-c>"],
  ["{{generation}} {generation}", "{generation} 7"],
  ["{{{generation}}}", "{{generation}}"],
  // Misspelt ones are refused; in double braces they are meant.
  ["{{genertion}} {{fd:}} {{FD}}", "{genertion} {fd:} {FD}"],
])("%s becomes %s", (text, expected) => {
  expect(putIn(text, STANDING)).toBe(expected);
});

test.each([
  "f() { echo hello; }; f",
  "awk '{print}' | awk '{print $1}' | awk '{ worker }'",
  "podman ps --format '{{.ID}} {{.Names}} {{json .}}'",
  "{} {a,b} {1..3} {x} {fds} {name} {{}} {{x}}",
  // A shell's variables.
  ["worker", "generation:-1", "{runtime}"].map(name => `$worker \${${name}}`).join(" "),
  "exec {fd}</dev/null {fd}>&-",
  "server.listen({fd:3}); server.listen({ fd: 3 }); ({ worker: 1 }); ({worker:1})",
  '{"generation":7} {"release"}',
  "--header=%{http_code}",
])("stays as it is: %s", text => {
  expect([putIn(text, STANDING), misspelt(text), namesIn(text)]).toEqual([text, undefined, []]);
});

test.each([
  ["{genration}", "generation"],
  ["{Generation}", "generation"],
  ["{generations}", "generation"],
  ["{genreation}", "generation"],
  ["{WORKER}", "worker"],
  ["{workers}", "worker"],
  ["{runtme}", "runtime"],
  ["{FD}", "fd"],
])("%s looks like {%s}", (text, name) => {
  expect(misspelt(`--pid=${text}/x`)).toBe(`${text} looks like {${name}}; {${text}} stands for ${text} itself`);
});

test("{fd:} lacks a name", () => {
  expect(misspelt("{fd:}")).toBe("{fd:} lacks the name of a descriptor; {{fd:}} stands for {fd:} itself");
});

test("without a value for fd it stays as it is", () => {
  const { fd: _, ...standing } = STANDING;
  expect(putIn("{fd} {fd:web} {worker}", standing)).toBe("{fd} {fd:web} 2");
});

test("what is written to stand for itself does so, whatever it is", () => {
  const piece = fc.constantFrom(..."{}$<>: aé\xff", "generation", "{worker}", "{fd:web}", "{{fd}}", "{genertion}");
  const text = fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join(""));
  fc.assert(
    fc.property(text, text => {
      expect(putIn(asItStands(text), STANDING)).toBe(text);
      expect([misspelt(asItStands(text)), namesIn(asItStands(text))]).toEqual([undefined, []]);
    }),
    { numRuns: 2000 },
  );
});
