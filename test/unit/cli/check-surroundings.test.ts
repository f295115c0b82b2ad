// The rules of `zerodown check` about what surrounds the service, each alone: its sockets, its directories, its sandbox and
// limits, and the programs that it runs.

import { dirname, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import type { Facts } from "../../../src/cli/check/facts.js";
import { RULES } from "../../../src/cli/check/rules.js";
import { exec, FOUND, facts, found, RUN, start, Z } from "../../support/unit-facts.js";

/** The command that runs this test: a fix names it in place of a zerodown that isn't there. */
const OURS = resolve(process.argv[1]!);
/** A user's manager starts a service without WorkingDirectory= in this directory. */
const HOME = { scope: "user", defaultDirectory: "/root" } as const;
const CONTROL = "error Accept (app.socket)=yes";

const WEB = ["Stream", "[::]:80"];
const UNIX = ["Stream", "/run/a"];

const workers = (count: string) => start(Z, "run", "--workers", count, "--", "app");
const app = (...argv: string[]) => start(Z, "run", "--", ...argv);

test.each<[keyof typeof RULES, Facts, string[]]>([
  ["accept", facts({}, { socket: { Accept: true } }), [`${CONTROL}: Accept=no`]],
  [
    "accept",
    facts({}, { unit: "app@1.service", socket: { Accept: true } }),
    [`${CONTROL}: Accept=no | Service=app@1.service`],
  ],
  [
    "probeName",
    facts(start(Z, "run", "--probe", "true", "--", "app"), { socket: { FileDescriptorName: "probe" } }),
    ["error FileDescriptorName (app.socket)=probe: FileDescriptorName="],
  ],
  ["probeName", facts(start(Z, "run", "--probe", "true", "--", "app"), { socket: { FileDescriptorName: "web" } }), []],
  ["probeName", facts(app("app"), { socket: { FileDescriptorName: "probe" } }), []],
  ["noSockets", facts({}, { sockets: [] }), ["warning TriggeredBy=: no fix"]],
  ["noSockets", facts(start(Z, "run", "--listen", "80", "--", "x"), { sockets: [] }), []],
  ["noSockets", facts(start(Z, "run", "$OPTIONS", "--", "x"), { sockets: [] }), []],
  ["socketsAreUp", facts({ Requires: [] }), ["note Requires=: Requires=app.socket"]],
  ["socketsAreUp", facts({ Requires: [], Wants: ["app.socket"] }), []],
  [
    "socketsAreUp",
    facts({ Requires: [], ActiveState: "active" }, { socket: { ActiveState: "inactive" } }),
    ["warning Requires=: Requires=app.socket"],
  ],
  [
    "socketInRuntimeDirectory",
    facts({}, { socket: { Listen: [["Stream", "/var/run/app/a.sock"]] } }),
    ["error RuntimeDirectory=app: RuntimeDirectoryPreserve=yes"],
  ],
  [
    "socketInRuntimeDirectory",
    facts({ RuntimeDirectoryPreserve: "yes" }, { socket: { Listen: [["Stream", "/run/app/a.sock"]] } }),
    [],
  ],
  ["socketInRuntimeDirectory", facts({}, { socket: { Listen: [["Stream", "/run/app.sock"]] } }), []],
  ["repeatedLines", facts({}, { socket: { Listen: [WEB, ["Datagram", "80"], ["Stream", "81"]] } }), []],
  [
    "repeatedLines",
    facts({}, { socket: { Listen: [WEB, WEB], ReusePort: false } }),
    ["error ReusePort (app.socket)=no: ReusePort=yes"],
  ],
  ["repeatedLines", facts({}, { socket: { Listen: [WEB, WEB], ReusePort: true } }), []],
  [
    "repeatedLines",
    facts({}, { socket: { Listen: [UNIX, UNIX], ReusePort: true } }),
    ["error ListenStream (app.socket)=/run/a: no fix"],
  ],
  ["queuesFit", facts({}), []],
  ["queuesFit", facts({}, { socket: { Listen: [UNIX, UNIX] } }), []],
  ["queuesFit", facts({}, { socket: { Listen: [WEB, WEB] } }), [`note ExecStart=${RUN.join(" ")}: no fix`]],
  ["queuesFit", facts(workers("4"), { socket: { Listen: [WEB, WEB] } }), []],
  ["queuesFit", facts(start("$ZERODOWN"), { socket: { Listen: [WEB, WEB] } }), []],
  [
    "queuesFit",
    facts(workers("1"), { socket: { Listen: [WEB, WEB] } }),
    [`error ExecStart=${Z} run --workers 1 -- app: no fix`],
  ],
  [
    "queuesFit",
    facts(workers("3"), { socket: { Listen: [["Stream", "[::]:81"], WEB, WEB] } }),
    [`note ExecStart=${Z} run --workers 3 -- app: no fix`],
  ],
  [
    "queuesFit",
    facts(workers("auto"), { socket: { Listen: [WEB, WEB] } }),
    [`note ExecStart=${Z} run --workers auto -- app: no fix`],
  ],
  [
    "queuesFit",
    facts(start(Z, "run", "--workers", "1", "--listen", "80", "--listen", "80", "--", "app")),
    [`error ExecStart=${Z} run --workers 1 --listen 80 --listen 80 -- app: no fix`],
  ],
  ["socketPaths", facts({ RuntimeDirectory: ["n".repeat(71)] }), []],
  [
    "socketPaths",
    facts({ RuntimeDirectory: ["n".repeat(72), "short"] }),
    [`warning RuntimeDirectory=${"n".repeat(72)}: no fix`],
  ],
  ["socketPaths", facts({ RuntimeDirectory: [] }), []],
  ["ownPaths", facts(start(Z, "run", "--control", `/${"c".repeat(106)}`, "--", "/srv/app")), []],
  [
    "ownPaths",
    facts(start(Z, "run", "--control", `/${"c".repeat(107)}`, "--", "/srv/app")),
    [`error ExecStart=${Z}: no fix`],
  ],
  [
    "ownPaths",
    facts(start(Z, "run", "--listen", `/${"l".repeat(107)}`, "--", "/srv/app")),
    [`error ExecStart=${Z}: no fix`],
  ],
  [
    "runtimeDirectory",
    facts({ RuntimeDirectory: [], User: "www" }),
    ["warning RuntimeDirectory=: RuntimeDirectory=app"],
  ],
  [
    "runtimeDirectory",
    facts({ RuntimeDirectory: [], ProtectSystem: "strict" }),
    ["error RuntimeDirectory=: RuntimeDirectory=app"],
  ],
  ["runtimeDirectory", facts({ RuntimeDirectory: [], ProtectSystem: "strict", ReadWritePaths: ["/run"] }), []],
  ["runtimeDirectory", facts({ RuntimeDirectory: [], User: "root" }), []],
  ["stateDirectory", facts({ StateDirectory: [] }), ["note StateDirectory=: StateDirectory=app"]],
  ["stateDirectory", facts({}, { unit: "app@1.service" }), []],
  ["runtimeDirectory", facts({ RuntimeDirectory: [], User: "www" }, { scope: "user" }), []],
  [
    "addressFamilies",
    facts({ RestrictAddressFamilies: [true, ["AF_INET", "AF_INET6"]] }),
    ["error RestrictAddressFamilies=AF_INET AF_INET6: RestrictAddressFamilies=AF_UNIX"],
  ],
  [
    "addressFamilies",
    facts({ RestrictAddressFamilies: [false, ["AF_UNIX"]] }),
    ["error RestrictAddressFamilies=~AF_UNIX: RestrictAddressFamilies=AF_UNIX"],
  ],
  ["addressFamilies", facts({ RestrictAddressFamilies: [true, ["AF_UNIX"]] }), []],
  ["addressFamilies", facts({ RestrictAddressFamilies: [false, ["AF_PACKET"]] }), []],
  ["memoryDenyWriteExecute", facts({ MemoryDenyWriteExecute: true }), ["note MemoryDenyWriteExecute=yes: no fix"]],
  [
    "memoryDenyWriteExecute",
    facts({ ...app("/usr/bin/node", "s.js"), MemoryDenyWriteExecute: true }),
    ["error MemoryDenyWriteExecute=yes: MemoryDenyWriteExecute=no"],
  ],
  [
    "memoryDenyWriteExecute",
    facts({ ...app("node", "--jitless", "s.js"), MemoryDenyWriteExecute: true }),
    ["note MemoryDenyWriteExecute=yes: no fix"],
  ],
  ["systemCallFilter", facts({ SystemCallFilter: [false, []] }), []],
  ["systemCallFilter", facts({ SystemCallFilter: [false, ["reboot"]] }), []],
  [
    "systemCallFilter",
    facts({ SystemCallFilter: [false, ["kill", "reboot"]] }),
    ["error SystemCallFilter=~kill reboot: SystemCallFilter=kill"],
  ],
  ["systemCallFilter", facts({ SystemCallFilter: [false, ["pkey_alloc"]], SystemCallErrorNumber: 1 }), []],
  ["systemCallFilter", facts({ SystemCallFilter: [false, ["pkey_alloc:EPERM"]] }), []],
  [
    "systemCallFilter",
    facts({ SystemCallFilter: [false, ["pkey_alloc:kill"]], SystemCallErrorNumber: 1 }),
    ["error SystemCallFilter=~pkey_alloc:kill: SystemCallFilter=pkey_alloc"],
  ],
  [
    "systemCallFilter",
    facts({ SystemCallFilter: [false, ["socket"]], SystemCallErrorNumber: 1 }),
    ["error SystemCallFilter=~socket: SystemCallFilter=socket"],
  ],
  ["procSubset", facts({ ProcSubset: "pid" }), ["note ProcSubset=pid: no fix"]],
  ["procSubset", facts({ ProcSubset: "all" }), []],
  ["protectProc", facts({ ProtectProc: "ptraceable", User: "www" }), ["note ProtectProc=ptraceable: no fix"]],
  ["protectProc", facts({ ProtectProc: "ptraceable" }), []],
  ["protectProc", facts({ ProtectProc: "invisible", User: "www" }), []],
  ["tasksMax", facts({ TasksMax: 30n, TasksCurrent: 16n }), ["warning TasksMax=30: TasksMax=48"]],
  ["tasksMax", facts({ TasksMax: 32n, TasksCurrent: 16n }), []],
  ["tasksMax", facts({ TasksMax: 2n ** 64n - 1n, TasksCurrent: 16n }), []],
  ["tasksMax", facts({ TasksMax: 30n, TasksCurrent: 2n ** 64n - 1n }), []],
  [
    "memoryMax",
    facts({ MemoryMax: 100_000_000n, MemoryCurrent: 61_234_567n }),
    ["warning MemoryMax=100000000: MemoryMax=190000000"],
  ],
  ["memoryMax", facts({ MemoryMax: 100_000_000n, MemoryCurrent: 61_234_567n }, { pageCache: 20_000_000 }), []],
  [
    "missingProgram",
    facts({}, { programs: { ...FOUND, missing: [Z] } }),
    [
      `error ExecStart=${RUN.join(" ")}: ExecStart= | ExecStart=${OURS} ${RUN.slice(1).join(" ")}`,
      `error ExecReload=${Z} reload: ExecReload= | ExecReload=${OURS} reload`,
    ],
  ],
  [
    "missingProgram",
    facts({ ExecReload: exec(["/bin/none", "-HUP"]) }, { programs: { ...FOUND, missing: ["/bin/none"] } }),
    ["error ExecReload=/bin/none -HUP: no fix"],
  ],
  [
    "nodeIsFound",
    facts({}, { programs: { ...FOUND, pathWithoutNode: "/bin" } }),
    [`error Environment=PATH=/bin: Environment=PATH=${dirname(process.execPath)}:/bin`],
  ],
  [
    "ignoredFailure",
    facts({ ExecStart: exec(RUN, true) }),
    [`warning ExecStart=-${RUN.join(" ")}: ExecStart= | ExecStart=${RUN.join(" ")}`],
  ],
  ["container", facts(app("docker", "run", "x")), [`error ExecStart=${Z} run -- docker run x: no fix`]],
  ["container", facts(app("docker", "compose", "up")), [`error ExecStart=${Z} run -- docker compose up: no fix`]],
  ["container", facts(app("docker", "compose", "ps")), []],
  ["container", facts(app("docker", "ps")), []],
  [
    "container",
    facts(app("/usr/bin/podman", "--log-level=info", "container", "run", "--rm", "x")),
    [`error ExecStart=${Z} run -- /usr/bin/podman --log-level=info container run --rm x: no fix`],
  ],
  ["container", facts(app("podman", "start", "x")), [`error ExecStart=${Z} run -- podman start x: no fix`]],
  ["container", facts(app("podman", "run", "--cgroups=split", "x")), []],
  ["container", facts(app("podman", "run", "--cgroups", "split", "x")), []],
  ["container", facts(app("sudo", "docker", "run", "x")), [`error ExecStart=${Z} run -- sudo docker run x: no fix`]],
  [
    "container",
    facts(app("sh", "-c", "exec podman run x")),
    [`error ExecStart=${Z} run -- sh -c exec podman run x: no fix`],
  ],
  ["container", facts(app("node", "docker", "run")), []],
  ["containerOptions", facts(app("podman", "run", "-d", "x")), [`error ExecStart=${Z} run -- podman run -d x: no fix`]],
  ["containerOptions", facts(app("podman", "run", "--rm", "-it", "x", "-d", "-p", "80")), []],
  ["containerOptions", facts(app("podman", "run", "--name=a-{generation}", "--name", "a{runtime}", "x")), []],
  [
    "containerOptions",
    facts(app("sh", "-c", 'exec podman run --rm --name app -p 80:80 "$IMAGE"')),
    [
      `error ExecStart=${Z} run -- sh -c exec podman run --rm --name app -p 80:80 "$IMAGE": no fix`,
      `error ExecStart=${Z} run -- sh -c exec podman run --rm --name app -p 80:80 "$IMAGE": no fix`,
    ],
  ],
  [
    "containerOptions",
    facts(app("podman", "run", "--sdnotify=conmon", "x")),
    [`error ExecStart=${Z} run -- podman run --sdnotify=conmon x: no fix`],
  ],
  [
    "containerOptions",
    facts(start(Z, "run", "--ready", "accept", "--", "podman", "run", "--sdnotify=ignore", "x")),
    [],
  ],
  ["containerOptions", facts(app("podman", "ps", "-d")), []],
  ["containerOptions", facts(app("docker", "run", "-d", "x")), []],
  ["relativeCommand", facts(app("./x")), [`error ExecStart=${Z} run -- ./x: no fix`]],
  ["relativeCommand", facts(app("bin/x")), [`error ExecStart=${Z} run -- bin/x: no fix`]],
  [
    "relativeCommand",
    facts({ ...app("./x"), WorkingDirectory: "!/root" }, HOME),
    [`error ExecStart=${Z} run -- ./x: no fix`],
  ],
  ["relativeCommand", facts({ ...app("./x"), WorkingDirectory: "/root" }, HOME), []],
  ["relativeCommand", facts({ ...app("./x"), WorkingDirectory: "!/srv" }, HOME), []],
  ["relativeCommand", facts({ ...app("./x"), WorkingDirectory: "!/root" }), []],
  ["relativeCommand", facts(start(Z, "run", "--working-directory", "/srv", "--", "./x")), []],
  ["relativeCommand", facts(app("x", "./y")), []],
  ["appWrapper", facts(app("sh", "-c", "node s.js")), [`note ExecStart=${Z} run -- sh -c node s.js: no fix`]],
  ["appWrapper", facts(app("/bin/bash", "start.sh")), [`note ExecStart=${Z} run -- /bin/bash start.sh: no fix`]],
  ["appWrapper", facts(app("npm", "start")), [`note ExecStart=${Z} run -- npm start: no fix`]],
  ["appWrapper", facts(app("/usr/bin/npx", "serve")), [`note ExecStart=${Z} run -- /usr/bin/npx serve: no fix`]],
  ["appWrapper", facts(app("sh", "-c", "cd /srv; exec node s.js")), []],
  ["appWrapper", facts(app("sh", "-c", "trap 'exit 0' INT; while :; do sleep 1; done")), []],
  ["appWrapper", facts(app("npm", "exec", "serve")), [`note ExecStart=${Z} run -- npm exec serve: no fix`]],
  ["appWrapper", facts(app("node", "sh")), []],
  [
    "protectControlGroups",
    facts({ ProtectControlGroups: true }),
    ["warning ProtectControlGroups=yes: ProtectControlGroups=no"],
  ],
  ["protectControlGroups", facts({ ProtectControlGroups: true, ProtectControlGroupsEx: "private" }), []],
  [
    "protectControlGroups",
    facts({ ProtectControlGroups: true, ProtectControlGroupsEx: "strict" }),
    ["warning ProtectControlGroups=strict: ProtectControlGroups=no"],
  ],
  ["protectControlGroups", facts({ ProtectControlGroups: true, Delegate: false }), []],
])("%s %#: its finding, and the fix", (rule, about, expected) => {
  expect(found(rule, about)).toEqual(expected);
});

test.each([
  [true, "with it clients that wait move to the next generation"],
  [false, "with it reloads lose clients, until a file in /etc/sysctl.d says net.ipv4.tcp_migrate_req = 1"],
  [undefined, "with it reloads lose clients, which Linux 5.14 can prevent"],
])("without a .socket unit, and migratesRequests %s: what becomes of clients that wait", (migratesRequests, text) => {
  const [finding] = RULES.noSockets({ ...facts({}, { sockets: [] }), migratesRequests });
  expect(finding!.why).toContain(text);
});
