// The options of `zerodown unit`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP } from "../options/table.js";
import { RUN } from "../run/table.js";
import { SERVERS } from "./servers.js";

/** The options that `zerodown run` doesn't know. */
const OWN = {
  for: {
    value: "SERVER",
    help: "what that server needs: options and variables; NAME, the socket and COMMAND may be left out, and are those of an example",
    choices: titles(SERVERS),
    more: `
      Options and variables that SERVER needs, with comments that say why. An option that is given counts more. Where NAME,
      the socket or COMMAND isn't given, it is that of an example in docs/examples/servers, which has configuration files,
      too. What belongs to one service has NAME in it: /srv/NAME/current, /etc/NAME.env. docs/servers.md tells of each.`,
  },
  "run-as": {
    value: "USER",
    help: "User= of the service",
    defaultText: "a dynamic user",
    more: "*User=* of the service, *root* among them. Without it the system's manager makes a user that exists while the service runs (*DynamicUser=yes*): for an app that writes to /tmp and *StateDirectory=* only.",
  },
  queues: {
    value: "Q",
    default: "1",
    help: "accept queues of each address: equal lines with ReusePort=yes; no more than --workers",
    more: `
      How many accept queues each address has, unix sockets left out: the line is printed Q times, with *ReusePort=yes*. With
      *--workers* of the same number each worker has its own; more workers share them, fewer are refused. See ACCEPT QUEUES.`,
  },
  watch: {
    value: "LINK",
    completes: "file",
    help: "three more units, which reload the service when this symbolic link is switched",
    more: `
      Three more units, *NAME-release.path*, *NAME-release.service* and *NAME-release-again.service*: systemd watches the
      directory that the symbolic link LINK is in, and when LINK leads elsewhere, and has done so for a second, the service
      is reloaded, if it runs. The first change in that directory after the installation reloads it once in any case. A release that doesn't start makes *NAME-release.service* fail, and the old one serves on. Give it the
      link that the deployment switches in one step (ln -sfn), as --working-directory mostly does, too.`,
  },
  install: {
    help: "write the units, verify them, and say what to call next",
    more: "Write the units instead of printing them, once systemd-analyze(1) has found nothing wrong with them, and print the commands that follow.",
  },
  directory: {
    value: "DIR",
    completes: "directory",
    help: "where --install writes",
    defaultText: "where the manager looks",
  },
  force: { help: "--install replaces units that are there" },
  user: { help: "the units are for a user's manager" },
  system: { help: "the units are for the system's manager (default)" },
  zerodown: {
    value: "PATH",
    completes: "file",
    help: "the path of the command zerodown on the machine that the units are for",
    defaultText: "the one that runs now",
    more: "The command *zerodown* on the machine that the units are for.",
  },
} as const satisfies CommandTable["options"];

export const UNIT = {
  name: "unit",
  usage: "[options] NAME -- COMMAND [ARG…]",
  about: [
    `
      Prints NAME.service and NAME.socket for COMMAND (with --watch three more), each below a comment with the path it belongs to; or installs
      them. COMMAND is looked up and started as in the service, so give full paths, or --working-directory.`,
  ],
  options: {
    listen: {
      value: RUN.options.listen.value,
      repeatable: true,
      help: `
        what the .socket unit listens on: 8080, 127.0.0.1:8080, [::1]:8080, /run/app.sock, @abstract; also as
        --listen-datagram and --listen-seqpacket; one NAME for all`,
      more: `
        What the .socket unit listens on; as --listen-datagram and --listen-seqpacket, too. NAME is the same for all
        of them.`,
    },
    ...OWN,
    ...HELP,
  },
  notes: [
    "All other options of zerodown run are passed on to it: --ready, --start-timeout, --stop-signal, --env-file …",
  ],
  exits: [
    [0, "printed, or installed"],
    [1, "systemd-analyze finds something wrong"],
    [64, "wrong usage, or there are such units"],
    [73, "they can't be written"],
    [77, "no permission"],
  ],
  examples: [
    "zerodown unit app --listen 8080 --run-as app -- /usr/bin/node /srv/app/server.js",
    "zerodown unit app --install --listen 8080 -- /usr/bin/node /srv/app/server.js",
    "zerodown unit app --for gunicorn --listen 8080 -- /usr/bin/gunicorn --chdir {release} app:app",
    "zerodown unit app --listen 8080 --working-directory /srv/app/current --watch /srv/app/current -- node server.js",
    "zerodown unit app --listen 8080 --workers 4 --queues 4 -- /usr/bin/node /srv/app/server.js",
  ],
} as const satisfies CommandTable;

function titles<K extends string>(servers: Readonly<Record<K, { readonly title: string }>>): Record<K, string> {
  const entries = Object.entries<{ readonly title: string }>(servers);
  return Object.fromEntries(entries.map(([name, { title }]) => [name, title])) as Record<K, string>;
}

/** All options that the parser takes: those of `zerodown run`, too. */
export const UNIT_OPTIONS = { ...RUN.options, ...OWN } as const;
/** Whether it is passed on to `zerodown run`. */
export function isForRun(option: string): boolean {
  return !(option in OWN) && option !== "help";
}
