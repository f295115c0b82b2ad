// Rules on servers whose command line is known: their words for the socket, for ready and for stop.

import { basename } from "node:path";
import { quoteArgument } from "../../systemd/formats/unit-files.js";
import { optionOf } from "../unit/server.js";
import { SERVERS } from "../unit/servers.js";
import { list } from "./command-line.js";
import type { Facts } from "./facts.js";
import { type Rule, serviceFix, shown } from "./finding.js";

/** Those that cut off what is under way at any other signal than the one that the table of servers has. */
const STRICT = ["gunicorn", "unicorn", "nginx", "haproxy", "lighttpd", "php-fpm"] as const;

/** By name, so that each can be tested alone. */
export const SERVER_TRAPS = {
  serverSignal({ start, run }) {
    const name = STRICT.find(name => name === serverOf(run));
    if (name === undefined) return [];
    const wanted = optionOf(SERVERS[name], "--stop-signal", "SIGINT");
    if (run!.stopSignal === wanted) return [];
    const why = `at ${run!.stopSignal} ${name} cuts off what is under way: give --stop-signal ${wanted}`;
    return [{ severity: "error", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
  },

  serverSocket({ unit, service, sockets, run }) {
    const name = (["nginx", "php-fpm"] as const).find(name => name === serverOf(run));
    if (name === undefined) return [];
    const addresses = sockets.flatMap(({ properties }) => (properties.Listen ?? []) as [string, string][]);
    const [wanted = ""] = SERVERS[name].environment(addresses.map(([, address]) => address));
    const [variable] = wanted.split("=");
    const isSet = list(service.Environment).some(assignment => assignment.startsWith(`${variable}=`));
    const hasFiles = ((service.EnvironmentFiles ?? []) as unknown[]).length > 0 || run?.envFile !== undefined;
    if (isSet || hasFiles) return [];
    const why = `${name} knows no LISTEN_FDS: without ${variable}= it binds its address itself, which is taken`;
    const fix = serviceFix(unit, `Environment=${quoteArgument(wanted, true)}`);
    return [{ severity: "error", setting: "Environment", value: list(service.Environment).join(" "), why, fix }];
  },

  earlyReady({ start, run, configuration = "" }) {
    if (serverOf(run) !== "gunicorn" || run!.ready !== "notify" || run!.settle > 0) return [];
    if (run!.command.includes("--preload") || /^\s*preload_app\s*=\s*True\b/m.test(configuration)) return [];
    const why =
      "gunicorn says READY=1 before its workers have imported the app: one that can't be imported takes over, and then ends. Give --ready notify+accept, or gunicorn --preload";
    return [{ severity: "warning", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
  },

  pumaCluster({ start, run, configuration = "" }) {
    if (serverOf(run) !== "puma") return [];
    const isCluster =
      /(?:^| )(?:-w|--workers)[= ]?[1-9]/.test(run!.command.join(" ")) || /^\s*workers[ (]+[1-9]/m.test(configuration);
    if (!isCluster || /^\s*drain_on_shutdown\b/m.test(configuration)) return [];
    const why =
      "a cluster of puma closes clients that wait for it when it ends, without drain_on_shutdown in its configuration. --workers of zerodown does without a cluster";
    return [{ severity: "warning", setting: "ExecStart", value: shown([start.path, ...start.args]), why }];
  },

  unlinkedSocket({ sockets, run }) {
    if (serverOf(run) !== "php-fpm") return [];
    const why =
      "php-fpm removes the socket's file at its end. zerodown puts it back at once, but who connects in between finds none: an address as 127.0.0.1:9000 spares that";
    return sockets.flatMap(({ name, properties }) =>
      ((properties.Listen ?? []) as [string, string][])
        .filter(([, address]) => address.startsWith("/"))
        .map(([, address]) => ({ severity: "note", setting: `ListenStream (${name})`, value: address, why }) as const),
    );
  },
} satisfies Record<string, Rule>;

/** The server that the command starts by itself, by its name: "php-fpm" for php-fpm8.2. */
function serverOf(run: Facts["run"]): string | undefined {
  return run && basename(run.command[0]!).replace(/^php-fpm[\d.]*$/, "php-fpm");
}
