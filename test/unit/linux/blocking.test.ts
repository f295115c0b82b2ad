// Whether sockets block, noted and restored.

import { closeSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { noteBlocking, restoreBlocking } from "../../../src/linux/sockets/blocking.js";
import { native } from "../../../src/native/index.js";

test("what was noted, and written down and read again, is restored, whatever was set meanwhile", () => {
  const pipe = native.pipe();
  const [reader, writer] = pipe;
  native.setNonBlocking(reader, true);
  const noted = JSON.stringify(noteBlocking(pipe));
  native.setNonBlocking(reader, false);
  native.setNonBlocking(writer, true);
  restoreBlocking(JSON.parse(noted));
  expect(pipe.map(native.isNonBlocking)).toEqual([true, false]);
  for (const fd of pipe) closeSync(fd);
});
