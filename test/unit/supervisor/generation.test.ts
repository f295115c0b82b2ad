// One generation, with a real child, where the kernel denies what it needs.

import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { GenerationProcess, type Launch } from "../../../src/supervisor/generation.js";
import { type Outside, outside } from "../../../src/supervisor/outside.js";
import { Cgroup } from "../../../src/systemd/as-service/cgroup.js";
import { eventually } from "../../support/eventually.js";
import { leftovers, thrown } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

/** A cgroup in name only: this test need not be in a unit. */
class NoCgroup extends Cgroup {
  /** The children that were left when it was removed. */
  childrenLeft: number[] | undefined;
  private readonly left = leftovers();

  override get procsFile(): string {
    return "/dev/null";
  }

  override kill(): void {}

  override remove(): void {
    this.childrenLeft = this.left().children;
  }
}

function launch(cgroup: Cgroup): Launch {
  return {
    command: ["/bin/sleep", "1000"],
    directory: "/",
    envFile: undefined,
    environment: {},
    fileLimit: -1,
    ignoresSigpipe: false,
    fds: () => [],
    fdstoreMax: 0,
    cgroup: { create: () => cgroup },
    ready: "fd",
    stopSignal: "SIGTERM",
    runtimeDirectory: directory.path,
  };
}

test("one that PID 1 has waited for already, as for an orphan, is released like any other", async () => {
  const listener = { onMessage() {}, onReady() {}, onDying() {}, onExit() {}, onProblem() {} };
  let watches = 0;
  const asInit: Outside = {
    ...outside,
    watch: (...args) => {
      if (++watches === 3) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      return outside.watch(...args);
    },
    reap: pidfd => {
      outside.reap(pidfd);
      return outside.reap(pidfd);
    },
  };
  const cgroup = new NoCgroup("/sys/fs/cgroup/none");
  expect(thrown(() => new GenerationProcess(1, listener, launch(cgroup), asInit)).code).toBe("ENOSPC");
  await eventually(() => expect(cgroup.childrenLeft).toEqual([]));
});

test.each([
  ["its notify socket", 1],
  ["its readiness pipe", 2],
  ["the end of its child, which is killed and waited for", 3],
])("where the kernel grants no watch on %s, nothing is left of a generation", async (_, denied) => {
  const problems: string[] = [];
  const listener = {
    onMessage() {},
    onReady() {},
    onDying() {},
    onExit() {},
    onProblem: (what: string) => void problems.push(what),
  };
  let watches = 0;
  const denying: Outside = {
    ...outside,
    watch: (fd, writable, callback) => {
      if (++watches === denied)
        throw Object.assign(new Error("ENOSPC: no space left on device, epoll_ctl"), { code: "ENOSPC" });
      return outside.watch(fd, writable, callback);
    },
  };
  const cgroup = new NoCgroup("/sys/fs/cgroup/none");
  const left = leftovers();
  expect(thrown(() => new GenerationProcess(1, listener, launch(cgroup), denying)).code).toBe("ENOSPC");
  // Nobody is there any more whom it could tell anything.
  expect(existsSync(`${directory.path}/notify-1`)).toBe(false);
  await eventually(() => expect(left().children).toEqual([]));
  // Without a notify socket none was made.
  expect(cgroup.childrenLeft).toEqual(denied === 1 ? undefined : []);
  expect(left().fds).toEqual([]);
  expect(problems).toEqual([]);
});
