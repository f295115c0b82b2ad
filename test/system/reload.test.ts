// The main job, under a real systemd: code is swapped, no request is lost, and systemd knows at each step what goes on.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import type { Lines } from "../support/lines.js";
import { EXAMPLE_APP, temporaryDirectory } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

test.each([
  ["new connections", false],
  ["kept connections", true],
])(
  "10 reloads under load on %s: no request fails, each has a new generation, the main process stays",
  async (_, keepAlive) => {
    const address = loopback();
    const unit = installApp({
      command: `node ${EXAMPLE_APP}`,
      service: ["Environment=IDLE_GRACE=500"],
      socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    });
    await unit.listen();
    const load = new HttpLoad(address, { clients: 4, keepAlive });
    await load.answers(200, /generation 1,/);
    await unit.started();
    const pid = await unit.mainPid();
    for (let generation = 2; generation <= 11; generation++) {
      await unit.reload();
      await load.answers(200, new RegExp(`generation ${generation},`));
    }
    await load.stop();
    expect(load.requests).toBeGreaterThan(2000);
    expect(load.failures).toEqual([]);
    expect(await unit.mainPid()).toBe(pid);
    expect(await unit.property("NRestarts")).toBe("0");
  },
);

describe("systemd knows what goes on", () => {
  const directory = temporaryDirectory();
  const app = `${directory.path}/app.mjs`;
  afterAll(directory.remove);

  function install(): TestUnit {
    copyFileSync(EXAMPLE_APP, app);
    return installApp({ command: `node ${app}` });
  }

  /** Does something, and returns what state and status went through until they are these. */
  async function watch(changes: Lines, state: string, status: RegExp, act: () => Promise<void> | void) {
    const from = changes.count;
    await act();
    // systemd tells of both in messages of their own.
    await changes.next(new RegExp(`^StatusText=${status.source}$`), from);
    await changes.next(new RegExp(`^ActiveState=${state}$`), from);
    const values = (property: string) =>
      changes.lines
        .slice(from)
        .filter(line => line.startsWith(`${property}=`))
        .map(line => line.slice(property.length + 1));
    return { states: values("ActiveState"), statuses: values("StatusText") };
  }

  const serving = (generation: number, rest = "") =>
    new RegExp(`Generation ${generation} \\(pid \\d+\\) serving: greeting${rest}`);

  test("in a start, a reload, a failed one, the next good one, a stop", async () => {
    const unit = install();
    await unit.must("daemon-reload");
    const changes = await unit.follow();
    const match = (...patterns: (RegExp | string)[]) =>
      patterns.map(pattern => expect.stringMatching(typeof pattern === "string" ? `^${pattern}$` : pattern));

    const start = await watch(changes, "active", serving(1), () => unit.start());
    expect(start.states).toEqual(["activating", "active"]);
    expect(start.statuses).toEqual(match("Starting generation 1", serving(1)));
    const pid = await unit.mainPid();
    const reload = () => void process.kill(pid, "SIGHUP");

    const first = await watch(changes, "active", serving(2), reload);
    expect(first.states).toEqual(["reloading", "active"]);
    expect(first.statuses).toEqual(match("Starting generation 2", serving(2, "; draining: generation 1"), serving(2)));

    writeFileSync(app, "process.exit(3);");
    const failure =
      "Reload failed: generation 3 exited with status 3 before it was ready\\. Generation 2 \\(pid \\d+\\) still serving";
    const failed = await watch(changes, "active", new RegExp(failure), reload);
    expect(failed.states).toEqual(["reloading", "active"]);
    expect(failed.statuses).toEqual(match("Starting generation 3", failure));

    copyFileSync(EXAMPLE_APP, app);
    const repaired = await watch(changes, "active", serving(4), reload);
    expect(repaired.states).toEqual(["reloading", "active"]);
    expect(repaired.statuses.at(-1)).toMatch(serving(4));

    const stopping = /Stopping: waiting for generation 4 \(pid \d+\)/;
    const stop = await watch(changes, "inactive", /Stopped/, () => unit.stop());
    expect(stop.states).toEqual(["deactivating", "inactive"]);
    expect(stop.statuses).toEqual(match(stopping, "Stopped"));
    expect(changes.lines.filter(line => line.startsWith("MainPID="))).toEqual([`MainPID=${pid}`, "MainPID=0"]);
    expect(await unit.property("Result")).toBe("success");
  });

  test("in systemctl reload: active, reloading, active", async () => {
    const unit = install();
    await unit.start();
    const changes = await unit.follow();
    const { states } = await watch(changes, "active", serving(2), () => unit.reload());
    expect(states[0]).toBe("reloading");
    expect(await unit.property("ActiveState")).toBe("active");
  });
});

test("100 reloads leave no zombie, no descriptor and no file more than one", async () => {
  const unit = installApp({ command: "sleep infinity", options: "--ready exec" });
  await unit.start();
  const pid = await unit.mainPid();
  const runtime = `${process.env.XDG_RUNTIME_DIR}/${await unit.property("RuntimeDirectory")}`;
  const reload = async (generation: number) => {
    await unit.reload();
    await unit.log.next(new RegExp(`generation ${generation} .* drained`));
  };
  const count = () => ({
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").length,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    files: readdirSync(runtime, { recursive: true }).length,
  });
  await reload(1);
  const before = count();
  for (let generation = 2; generation <= 100; generation++) await reload(generation);
  // The last client's connection to the control socket may still be closing.
  await eventually(() => expect(count().descriptors).toBeLessThanOrEqual(before.descriptors));
  expect(count()).toMatchObject({ children: 1, files: before.files });
  expect(await unit.mainPid()).toBe(pid);
}, 300_000);
