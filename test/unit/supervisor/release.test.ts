// Releases, looked up in real directories that a deployment swaps by symbolic links.

import { chmodSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { placeOf, Releases } from "../../../src/supervisor/release.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let base: string;
let remove: () => void;
let problems: string[];
const tell = (what: string) => void problems.push(what);

beforeEach(() => {
  const { path, remove: removeIt } = temporaryDirectory();
  [base, remove, problems] = [realpathSync(path), removeIt, []];
  mkdirSync(`${base}/usr`);
  writeFileSync(`${base}/usr/python3`, "", { mode: 0o755 });
  for (const name of ["1", "2"]) {
    mkdirSync(`${base}/${name}/bin`, { recursive: true });
    writeFileSync(`${base}/${name}/bin/app`, "", { mode: 0o755 });
    symlinkSync(`${base}/usr/python3`, `${base}/${name}/bin/python`);
  }
  deploy("1");
});
afterEach(() => remove());

function deploy(name: string): void {
  for (const [link, target] of [
    ["current", name],
    ["usr/app", `../${name}/bin/app`],
  ]) {
    symlinkSync(target!, `${base}/new`);
    renameSync(`${base}/new`, `${base}/${link}`);
  }
}

function launch(command: string[], directory = `${base}/current`, more = {}) {
  return { command, directory, envFile: undefined, environment: { PATH: `${base}/usr:${base}/current/bin` }, ...more };
}

/** Where that is started once `current` leads elsewhere; `before` it is started as it was given. */
function placed(command: string[], directory?: string) {
  const wanted = launch(command, directory);
  const release = new Releases(wanted).find(1, tell);
  const before = placeOf(release, wanted);
  deploy("2");
  return { before, after: placeOf(release, wanted) };
}

describe("a release that current leads to no more", () => {
  test("is started in its real directory", () => {
    const { before, after } = placed(["./bin/app", "x"]);
    expect(before).toEqual({ directory: `${base}/1`, paths: ["./bin/app"], argv: ["./bin/app", "x"] });
    expect(after).toEqual(before);
  });

  test("has real paths in its arguments; its first one and what is executed go by the name that was given", () => {
    const command = [`${base}/current/bin/python`, `${base}/current/bin/app`, `${base}/current`, "/no/such", "-x"];
    const { before, after } = placed(command, "/");
    expect(before).toEqual({ directory: "/", paths: [command[0]], argv: command });
    expect(after).toEqual({
      directory: "/",
      paths: [`${base}/1/bin/python`],
      argv: [`${base}/1/bin/python`, `${base}/1/bin/app`, `${base}/1`, "/no/such", "-x"],
    });
  });

  test("is found where a link to its program led, or $PATH", () => {
    expect(placed([`${base}/usr/app`], "/").after.paths).toEqual([`${base}/1/bin/app`]);
    deploy("1");
    expect(placed(["app"], "/").after).toMatchObject({ paths: [`${base}/1/bin/app`], argv: ["app"] });
    deploy("1");
    expect(placed(["python"], "/").after).toMatchObject({ paths: [`${base}/1/bin/python`], argv: ["python"] });
  });

  test("of which nothing was there is started as it was given, for the kernel to say what is wrong", () => {
    const given = { directory: `${base}/none`, paths: ["./bin/app"], argv: ["./bin/app"] };
    expect(placed(["./bin/app"], `${base}/none`).after).toEqual(given);
  });
});

describe("Releases", () => {
  test("knows what it has found, and finds it to be the same", () => {
    const wanted = launch(["./bin/app"]);
    const releases = new Releases(wanted);
    const first = releases.find(1, tell);
    deploy("2");
    expect(releases.find(1, tell)).toBe(first);
    releases.find(2, tell);
    releases.find(3, tell);
    expect([1, 2, 3].map(number => releases.recognize(number))).toEqual([1, 2, 2]);
    releases.keep([1]);
    const adopted = new Releases(wanted);
    adopted.adopt(releases.save());
    expect(adopted.save()).toEqual({ known: [[1, first]], remembered: null });
  });

  test("tells other assignments of the --env-file apart, and gives away no value", () => {
    const wanted = launch(["./bin/app"], undefined, { envFile: `${base}/env` });
    const releases = new Releases(wanted);
    for (const [number, text] of [
      [1, "A=1"],
      [2, "A=2"],
    ] as const) {
      writeFileSync(`${base}/env`, text);
      releases.find(number, tell);
    }
    expect(releases.recognize(2)).toBe(2);
    expect(releases.describe(1)).toEqual({
      directory: `${base}/1`,
      executable: `${base}/1/bin/app`,
      arguments: ["./bin/app"],
      variables: ["A"],
    });
    expect(releases.describe(3)).toBeUndefined();
  });

  test.each([
    ["is gone", (path: string) => rmSync(path, { recursive: true }), /ENOENT: .*\/1/],
    ["can't be entered", (path: string) => chmodSync(path, 0), process.getuid!() === 0 ? /EACCES|^$/ : /EACCES/],
    ["has no program any more", (path: string) => rmSync(`${path}/bin/app`), /ENOENT: .*\/1\/bin\/app/],
    ["has one that can't be executed", (path: string) => chmodSync(`${path}/bin/app`, 0o644), /EACCES: /],
  ])("takes what is on disk where a release %s, and says so", (_, spoil, why) => {
    const wanted = launch(["./bin/app"]);
    const releases = new Releases(wanted);
    releases.find(1, tell);
    deploy("2");
    spoil(`${base}/1`);
    const found = releases.find(1, tell);
    expect(problems.join()).toMatch(why);
    if (problems.length > 0) expect(found.directory).toBe(`${base}/2`);
  });
});
