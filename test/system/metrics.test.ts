// zerodown metrics beside a real systemd, for the real programs that read them: promtool, Prometheus, and node_exporter's
// textfile collector, of Debian's packages prometheus and prometheus-node-exporter.

import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import { ROOT, temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { TestProcess } from "../support/test-process.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import { installUnits, systemctl, removeUnits as uninstall } from "../support/user-manager.js";
import { installVersioned, upgradeTo } from "../support/versions.js";

const closers: (() => void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) close();
  uninstall();
  await removeUnits();
});

function newDirectory(): string {
  const { path, remove } = temporaryDirectory();
  // node_exporter may be run by another user.
  chmodSync(path, 0o755);
  closers.push(remove);
  return path;
}

function metrics(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { MAINPID: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(ZERODOWN, ["metrics", "--user", ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

/** The values of a unit, by metric and the other labels: crashes_total, workers{state="serving"}. */
function valuesOf(unit: string, text = metrics(unit).stdout): Record<string, number> {
  const found = [...text.matchAll(/^zerodown_(\w+)\{(.*)\} (\S+)$/gm)].map(([, name, labels, value]) => {
    return { name, labels: labels!.split(","), value: Number(value) };
  });
  const own = `unit="${unit}"`;
  return Object.fromEntries(
    found
      .filter(({ labels }) => labels.includes(own))
      .map(({ name, labels, value }) => {
        const others = labels.filter(label => label !== own).join();
        return [`${name}${others && `{${others}}`}`, value];
      }),
  );
}

/** What promtool says of them; nothing where it takes them. */
function lint(text: string): string {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  return `${stdout}${stderr}${status === 0 ? "" : `exit status ${status}`}`;
}

/** An app that fails where there is a file "broken", and where there is one "deaf" ends at SIGKILL only. */
function install(): TestUnit {
  const command = (directory: string) => `/bin/sh ${directory}/app`;
  const unit = installVersioned({ command, options: "--stop-timeout 300ms" });
  const script = [
    `cd ${unit.directory}`,
    "[ ! -e broken ] || exit 3",
    "[ ! -e deaf ] || trap '' INT",
    "systemd-notify --ready",
    "exec sleep infinity",
  ];
  writeFileSync(`${unit.directory}/app`, script.join("\n"));
  return unit;
}

test("a unit's life is counted, and goes on to be counted by the supervisor that takes over", async () => {
  const unit = install();
  const file = (name: string) => `${unit.directory}/${name}`;
  writeFileSync(file("deaf"), "");
  await unit.start();
  expect(valuesOf(unit.service)).toMatchObject({
    ...{ up: 1, generation: 1, restarts_total: 0, crashes_total: 0, workers_wanted: 1 },
    'workers{state="serving"}': 1,
    'reload_duration_seconds_count{result="succeeded"}': 0,
  });
  rmSync(file("deaf"));
  await unit.reload();
  await unit.log.next(/generation 1 .* did not stop in time and was killed/);
  writeFileSync(file("broken"), "");
  expect(await unit.systemctl("reload", unit.service)).toMatchObject({ status: 1 });
  rmSync(file("broken"));
  process.kill(await unit.serving(2), "SIGKILL");
  await unit.serving(4);

  const before = valuesOf(unit.service);
  expect(before).toMatchObject({
    ...{ up: 1, generation: 4, crashes_total: 1 },
    'reload_duration_seconds_count{result="succeeded"}': 1,
    'reload_duration_seconds_count{result="failed"}': 1,
    'process_ends_total{kind="stop-timeout"}': 1,
    'process_ends_total{kind="exit"}': 1,
    'process_ends_total{kind="signal"}': 1,
    'supervisor_info{version="1.0.0"}': 1,
  });
  expect(before['reload_duration_seconds_sum{result="succeeded"}']).toBeGreaterThan(0);
  expect(before['generation_memory_bytes{generation="4"}']).toBeGreaterThan(0);
  await upgradeTo(unit, "1.1.0");
  const after = valuesOf(unit.service);
  expect(after).toMatchObject({ up: 1, generation: 4, 'supervisor_info{version="1.1.0"}': 1 });
  const counters = (values: object) => Object.entries(values).filter(([name]) => /duration|_ends_|crashes/.test(name));
  expect(counters(after)).toEqual(counters(before));
  expect(counters(after).length).toBeGreaterThan(10);
});

test("promtool takes what is printed; a unit that doesn't run, or doesn't answer, is down, and no other is hidden by it", async () => {
  const [good, stuck, stopped] = [install(), install(), install()];
  await Promise.all([good.start(), stuck.start()]);
  const pid = await stuck.mainPid();
  process.kill(pid, "SIGSTOP");
  closers.push(() => process.kill(pid, "SIGCONT"));
  // Named twice, it is there once.
  const names = [good, stuck, stopped, good].map(unit => unit.service);
  const { status, stdout, stderr } = metrics(...names);
  expect([status, stderr.split("\n")]).toEqual([
    0,
    [expect.stringMatching(`^zerodown: ${stuck.service}: .*no answer within 5s; is it stopped\\?$`), ""],
  ]);
  expect(lint(stdout)).toBe("");
  expect(valuesOf(good.service, stdout)).toMatchObject({ up: 1, generation: 1 });
  for (const unit of [stuck, stopped]) expect(valuesOf(unit.service, stdout)).toEqual({ up: 0, restarts_total: 0 });
  expect(stdout.match(new RegExp(`^zerodown_up\\{unit="${good.service}"`, "gm"))).toHaveLength(1);
  // It does find what is wrong.
  expect(lint(stdout.replaceAll(/^# HELP .*\n/gm, ""))).toMatch(/no help text/);
});

test("what is wrong is said in one line", () => {
  const said = (...args: string[]) => {
    const { status, stderr } = metrics(...args);
    return [status, stderr];
  };
  expect(said()).toEqual([64, "zerodown: of which units? Name them, or give --all\n"]);
  expect(said("--all", "app")).toEqual([64, "zerodown: --all is every unit: name none\n"]);
  expect(said("--all", "--output", "")).toEqual([64, "zerodown: --output: the path is empty\n"]);
  expect(said("no-such-unit")).toEqual([69, "zerodown: there is no unit no-such-unit.service\n"]);
  expect(said("--all", "--output", "/nowhere/x.prom")).toEqual([
    73,
    expect.stringMatching(/^zerodown: --output \/nowhere\/x\.prom: ENOENT.*\n$/),
  ]);
});

test("the timer of units/ writes them, node_exporter's textfile collector shows them, and Prometheus scrapes that", async () => {
  const unit = install();
  await unit.start();
  const directory = newDirectory();
  const file = `${directory}/zerodown.prom`;
  const [service, timer] = ["service", "timer"].map(kind =>
    readFileSync(`${ROOT}units/zerodown-metrics.${kind}`, "utf8"),
  );
  installUnits({
    "zerodown-metrics.service": service!,
    "zerodown-metrics.timer": timer!,
    // Of this manager, whose units the test may install.
    "zerodown-metrics.service.d/test.conf": [
      "[Service]",
      "ExecStart=",
      `ExecStart=zerodown metrics --user --all --output ${file}`,
    ].join("\n"),
  });
  expect(systemctl("start", "zerodown-metrics.timer")).toMatchObject({ status: 0 });
  await eventually(() => expect(valuesOf(unit.service, readFileSync(file, "utf8"))).toMatchObject({ up: 1 }));

  const { host, port } = loopback();
  const exporter = new TestProcess("prometheus-node-exporter", [
    ...["--collector.disable-defaults", "--collector.textfile"],
    ...[`--collector.textfile.directory=${directory}`, `--web.listen-address=${host}:${port}`],
  ]);
  closers.push(() => exporter.signal("SIGKILL"));
  const shown = await eventually(() => ask({ host, port }, "/metrics"));
  expect(shown).toMatch(/^node_textfile_scrape_error 0$/m);
  expect(valuesOf(unit.service, shown)).toEqual(valuesOf(unit.service, readFileSync(file, "utf8")));
  expect(shown).toMatch(/^# TYPE zerodown_crashes_total counter$/m);
  expect(shown).toMatch(/^# HELP zerodown_reload_duration_seconds Reloads by their result/m);

  const prometheus = loopback();
  const config = {
    global: { scrape_interval: "500ms" },
    rule_files: [RULES],
    scrape_configs: [{ job_name: "node", static_configs: [{ targets: [`${host}:${port}`] }] }],
  };
  // YAML takes JSON.
  writeFileSync(`${directory}/prometheus.yml`, JSON.stringify(config));
  const server = new TestProcess("prometheus", [
    ...[`--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`],
    `--web.listen-address=${prometheus.host}:${prometheus.port}`,
  ]);
  closers.push(() => server.signal("SIGKILL"));
  const query = async (what: string) => JSON.parse(await ask(prometheus, `/api/v1/${what}`)).data;
  await eventually(async () => {
    const { result } = await query("query?query=zerodown_up==1");
    expect(result.map(({ metric }: { metric: { unit: string } }) => metric.unit)).toContain(unit.service);
  });
  expect((await query("rules")).groups[0].rules).toHaveLength(4);
});

// ── The alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────

const RULES = `${ROOT}docs/examples/alerts.yml`;
const TARGET = 'unit="app.service",instance="web1"';

/** A series' values, one a minute, the alert that they are to fire, and when that is due. */
const ALERTS: readonly [alert: string, series: string, values: string, at: string][] = [
  ["ZerodownReloadFailed", `reload_duration_seconds_count{${TARGET},result="failed"}`, "0+0x5 1+0x30", "8m"],
  ["ZerodownCrashLoop", `crashes_total{${TARGET}}`, "0+0x5 2 4 6+0x30", "9m"],
  ["ZerodownCrashLoop", `restarts_total{${TARGET}}`, "0+0x5 2 4 6+0x30", "9m"],
  ["ZerodownDrainOverLimit", `process_ends_total{${TARGET},kind="stop-timeout"}`, "0+0x5 1+0x30", "8m"],
  ["ZerodownSupervisorOlder", `supervisor_older{${TARGET}}`, "1+0x80", "65m"],
];

test("promtool takes the rules", () => {
  const { status, stdout } = spawnSync("promtool", ["check", "rules", RULES], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, expect.stringMatching(/SUCCESS: 4 rules found/)]);
});

test.each(ALERTS)("%s fires for what it is about (%s), and for nothing before", (alert, series, values, at) => {
  const directory = newDirectory();
  const fires = (time: string, alerts: object[]) => ({ eval_time: time, alertname: alert, exp_alerts: alerts });
  const tests = {
    rule_files: [RULES],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: [{ series: `zerodown_${series}`, values }],
        alert_rule_test: [fires("3m", []), fires(at, [expected(alert, series)])],
      },
    ],
  };
  // YAML takes JSON.
  writeFileSync(`${directory}/tests.yml`, JSON.stringify(tests));
  const { stdout, stderr } = spawnSync("promtool", ["test", "rules", "tests.yml"], {
    encoding: "utf8",
    cwd: directory,
  });
  expect(`${stdout}${stderr}`).toMatch(/SUCCESS/);
});

/** Its labels and texts, as the rule has them. */
function expected(alert: string, series: string): object {
  const [, rule = ""] = new RegExp(`- alert: ${alert}\n([\\s\\S]*?)(?=\n\n|$)`).exec(readFileSync(RULES, "utf8"))!;
  const text = (key: string) =>
    new RegExp(`^ *${key}: '?(.*?)'?$`, "m")
      .exec(rule)![1]!
      .replaceAll("{{ $labels.unit }}", "app.service")
      .replaceAll("{{ $labels.instance }}", "web1");
  const labels = [...series.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]);
  const [, severity] = /severity: (\w+)/.exec(rule)!;
  return {
    exp_labels: { ...Object.fromEntries(labels), severity },
    exp_annotations: { summary: text("summary"), action: text("action") },
  };
}
