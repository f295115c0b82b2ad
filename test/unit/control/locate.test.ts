// The control socket of a supervisor, told from its pid.

import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { CONTROL_NAME, locateControl } from "../../../src/control/locate.js";
import { runtimeDirectoryIn } from "../../../src/systemd/as-service/runtime-directory.js";
import { temporaryDirectory } from "../../support/supervisor.js";

const place = temporaryDirectory();
const before = { ...process.env };
afterAll(() => {
  process.env = before;
  place.remove();
});

test("of two directories that one which the process holds open counts, though a descriptor is closed as we look", () => {
  const [first, second] = ["first", "second"].map(name => {
    const directory = runtimeDirectoryIn(`${place.path}/${name}`, process.pid);
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${directory}/${CONTROL_NAME}`, "");
    return directory;
  });
  process.env.RUNTIME_DIRECTORY = `${place.path}/first`;
  process.env.XDG_RUNTIME_DIR = `${place.path}/second`;
  for (const held of [first, second]) {
    const fd = openSync(held!, "r");
    // In our own list the descriptor is closed by which that list was read.
    expect(locateControl(process.pid)).toBe(`${held}/${CONTROL_NAME}`);
    closeSync(fd);
  }
});
