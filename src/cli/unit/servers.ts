// What servers need: zerodown unit --for, and docs/servers.md with the files in docs/examples/servers, are made from this table.

/** The most that a strict client may lose at a reload: the test of these servers is red where it is more. */
export type Most =
  /** Nothing. */
  | "0"
  /** The one request that it sends while the old generation closes the connection. */
  | "1 each"
  /** More, or also without a reload. */
  | "more";

export interface Server {
  /** With the version that it was tried in. */
  readonly title: string;
  /** How it takes the socket, and what must agree. */
  readonly socket: string;
  /** Where the example listens. */
  readonly listen: string;
  /** Of zerodown run. */
  readonly options: readonly string[];
  /** Environment= of the service, with the addresses in the order of their descriptors. */
  readonly environment: (addresses: readonly string[]) => readonly string[];
  readonly command: readonly string[];
  /** On a new connection. */
  readonly fresh: Most;
  /** On one that it keeps. */
  readonly kept: Most;
  /** Whether it listens on the socket of --probe http:/PATH, too, as it is. */
  readonly isProbed: boolean;
  /** Sentences: why the options are these, what its configuration must say, who loses what. */
  readonly notes: readonly string[];
  /** Files beside the units in docs/examples/servers/NAME. */
  readonly files: readonly string[];
  /** It sets up what confines the app, and needs rights for that which the usual unit takes away. */
  readonly confines?: true;
}

const CURRENT = "/srv/app/current";
/** Of the sockets: sd_listen_fds(3). */
const FIRST_FD = 3;
const none = () => [];

export const SERVERS = {
  gunicorn: {
    title: "gunicorn 20.1",
    socket: "LISTEN_FDS",
    listen: "8080",
    options: ["--working-directory", CURRENT, "--ready", "notify+accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: ["/usr/bin/gunicorn", "--chdir", "{release}", "--workers", "2", "app:app"],
    fresh: "0",
    kept: "0",
    isProbed: true,
    notes: [
      "gunicorn says READY=1 before its workers have imported the app, so that a release that can't be imported would take over and then exit: notify+accept also waits until one of them waits for clients.",
      "A worker that it starts later reads the app again: by {release} that is the code of its own generation, and not what the link leads to by then.",
      "--workers of zerodown is the other way to have several: without its own --workers each is a gunicorn of one.",
      "Its sync workers close each connection after the answer.",
    ],
    files: ["app.py"],
  },
  "gunicorn-uvicorn": {
    title: "gunicorn 20.1, UvicornWorker",
    socket: "LISTEN_FDS",
    listen: "8080",
    options: ["--working-directory", CURRENT, "--ready", "notify+accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: [
      "/usr/bin/gunicorn",
      "--chdir",
      "{release}",
      "--workers",
      "2",
      "--worker-class",
      "uvicorn.workers.UvicornWorker",
      "app:app",
    ],
    fresh: "1 each",
    kept: "1 each",
    isProbed: true,
    notes: [
      "Like uvicorn it closes idle connections at the stop signal, and new ones whose first request hasn't come.",
    ],
    files: ["app.py"],
  },
  uvicorn: {
    title: "uvicorn 0.17",
    socket: "--fd 3",
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: ["/usr/bin/uvicorn", "--app-dir", CURRENT, "--fd", "{fd}", "--no-access-log", "app:app"],
    fresh: "1 each",
    kept: "1 each",
    isProbed: false,
    notes: [
      "It closes idle connections at the stop signal, so that a request which is on its way then is lost. A new connection is idle until its first request has come.",
      "It writes an answer in two parts and doesn't set TCP_NODELAY on a socket that is passed: without NoDelay=yes, which the unit has, each answer on a kept connection takes 40 ms.",
    ],
    files: ["app.py"],
  },
  hypercorn: {
    title: "hypercorn 0.13",
    socket: "--bind fd://3",
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: ["/usr/bin/hypercorn", "--bind", "fd://{fd}", `${CURRENT}/app:app`],
    fresh: "1 each",
    kept: "more",
    isProbed: false,
    notes: [
      "On kept connections it loses requests without any reload, too.",
      "A new connection that it accepts as it ends may be reset.",
    ],
    files: ["app.py"],
  },
  puma: {
    title: "puma 5.6",
    socket: 'LISTEN_FDS, with bind_to_activated_sockets "only"',
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: ["/usr/bin/puma", "--config", `${CURRENT}/puma.rb`],
    fresh: "0",
    kept: "1 each",
    isProbed: true,
    notes: [
      "queue_requests false: else it accepts connections whose requests it never reads, and closes them at its end.",
      "A cluster (workers 2) needs drain_on_shutdown as well. --workers of zerodown does without a cluster.",
      "With the package ruby-sd-notify it says READY=1 itself.",
    ],
    files: ["config.ru", "puma.rb"],
  },
  unicorn: {
    title: "unicorn 6.0",
    socket: "LISTEN_FDS",
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGQUIT"],
    environment: none,
    command: [
      "/usr/bin/unicorn",
      "--env",
      "production",
      "--config-file",
      `${CURRENT}/unicorn.rb`,
      `${CURRENT}/config.ru`,
    ],
    fresh: "0",
    kept: "0",
    isProbed: true,
    notes: [
      "It drains at SIGQUIT; SIGTERM and SIGINT cut off what is under way.",
      "preload_app true: else a release that can't be loaded is never ready, for its main process starts workers for ever.",
      "Don't set UNICORN_FD, nor reload it by its own SIGUSR2: then it doesn't drain.",
      "It closes each connection after the answer.",
    ],
    files: ["config.ru", "unicorn.rb"],
  },
  nginx: {
    title: "nginx 1.22",
    socket: 'Environment="NGINX=3;", and the same address in listen',
    listen: "0.0.0.0:8080",
    options: ["--ready", "accept", "--stop-signal", "SIGQUIT"],
    environment: addresses => [`NGINX=${addresses.map((_, index) => `${FIRST_FD + index};`).join("")}`],
    command: ["/usr/sbin/nginx", "-p", "{runtime}", "-e", "stderr", "-c", `${CURRENT}/nginx.conf`],
    fresh: "0",
    kept: "1 each",
    isProbed: false,
    notes: [
      "{runtime} is the prefix of relative paths: its pid file must be each generation's own.",
      "It closes idle connections at the stop signal, so that a request which is on its way then is lost.",
    ],
    files: ["nginx.conf"],
  },
  haproxy: {
    title: "haproxy 2.6",
    socket: "bind fd@3",
    listen: "8080",
    options: ["--stop-signal", "SIGUSR1"],
    environment: none,
    command: ["/usr/sbin/haproxy", "-Ws", "-f", `${CURRENT}/haproxy.cfg`],
    fresh: "0",
    kept: "0",
    isProbed: false,
    notes: [
      "With -Ws it says READY=1.",
      "option idle-close-on-response: each kept connection is told with its next answer that it ends, and is not closed before.",
    ],
    files: ["haproxy.cfg"],
  },
  lighttpd: {
    title: "lighttpd 1.4.69",
    socket: "server.systemd-socket-activation, and the same address in server.bind and server.port",
    listen: "0.0.0.0:8080",
    options: ["--ready", "accept"],
    environment: none,
    command: ["/usr/sbin/lighttpd", "-D", "-f", `${CURRENT}/lighttpd.conf`],
    fresh: "0",
    kept: "1 each",
    isProbed: false,
    notes: [
      "It drains at SIGINT; SIGTERM cuts off what is under way.",
      "It opens files by their paths: where document-root leads through current, the old generation, too, serves those of the new release.",
      "It closes idle connections at the stop signal, so that a request which is on its way then is lost.",
    ],
    files: ["lighttpd.conf", "public/index.html"],
  },
  "php-fpm": {
    title: "php-fpm 8.2",
    socket: "Environment=FPM_SOCKETS=ADDR=3, and the same address in listen",
    listen: "127.0.0.1:9000",
    options: ["--stop-signal", "SIGQUIT"],
    environment: addresses => [
      `FPM_SOCKETS=${addresses.map((address, index) => `${address}=${FIRST_FD + index}`).join(",")}`,
    ],
    command: ["/usr/sbin/php-fpm8.2", "--nodaemonize", "--fpm-config", `${CURRENT}/php-fpm.conf`],
    fresh: "0",
    kept: "0",
    isProbed: false,
    notes: [
      "It says READY=1.",
      "Without process_control_timeout its end cuts off the requests that are under way.",
      "Its end removes the file of a unix socket; zerodown puts that back, but clients may miss it meanwhile: a TCP address of this machine is better.",
      "A web server asks it on a connection for each request, and names the script, which php-fpm reads then. So where a deploy switches a link, new scripts serve before the reload, and zerodown rollback doesn't bring back the old ones. docs/servers.md has a remedy: php-fpm behind nginx.",
    ],
    files: ["index.php", "php-fpm.conf"],
  },
  java: {
    title: "Java 17",
    socket: "System.inheritedChannel(), which is descriptor 0",
    listen: "8080",
    options: ["--fd-map", "0", "--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: ["/usr/bin/java", `${CURRENT}/App.java`],
    fresh: "0",
    kept: "0",
    isProbed: false,
    notes: [
      "--fd-map 0 puts the socket at descriptor 0 as well, the only one that Java takes a socket from.",
      "It ends with exit status 143 at SIGTERM, which counts as an end that was asked for.",
      "The example closes each connection after the answer. A server that keeps them must tell their clients before it closes them.",
    ],
    files: ["App.java"],
  },
  python: {
    title: "Python 3.11, http.server",
    socket: "socket.socket(fileno=3)",
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: none,
    command: ["/usr/bin/python3", `${CURRENT}/app.py`],
    fresh: "0",
    kept: "0",
    isProbed: false,
    notes: [
      "bind_and_activate=False, and the socket that is passed in place of its own, which must not block: two generations may see one client.",
      "A handler of signals calls shutdown(), and server_close() waits for the threads, without daemon_threads.",
      "The example closes each connection after the answer.",
    ],
    files: ["app.py"],
  },
  go: {
    title: "Go, net/http",
    socket: "net.FileListener(os.NewFile(3, …))",
    listen: "8080",
    options: [],
    environment: none,
    command: [`${CURRENT}/serve`],
    fresh: "0",
    kept: "1 each",
    isProbed: true,
    notes: [
      "Made by: CGO_ENABLED=0 go build serve.go.",
      "The example says READY=1 by itself: with --ready accept it would be ready a little too early, for Go watches a socket from the moment that it is opened.",
      "Server.Shutdown closes idle connections, so that a request which is on its way then is lost.",
    ],
    files: ["serve.go"],
  },
  deno: {
    title: "Deno 2",
    socket: "listen({ fd: 3 }) of node:http",
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: () => ["DENO_DIR=/tmp/deno"],
    command: ["/usr/bin/deno", "run", "--allow-all", `${CURRENT}/server.ts`],
    fresh: "0",
    kept: "1 each",
    isProbed: false,
    notes: [
      "$DENO_DIR is where it keeps what it has compiled: a user that exists while the unit runs need have no home.",
      "Deno.serve takes no descriptor. Bun 1.4 ignores fd and listens elsewhere.",
    ],
    files: ["server.ts"],
  },
  node: {
    title: "Node 20, Express, Fastify, Nest",
    socket: "serve() or adopt() of the library; else listen({ fd: 3 })",
    listen: "8080",
    options: [],
    environment: none,
    command: ["/usr/bin/node", `${CURRENT}/server.mjs`],
    fresh: "0",
    kept: "0",
    isProbed: true,
    notes: ["The library says READY=1 and drains. Without it: --ready accept, and a drain as in docs/node.md."],
    files: ["server.mjs"],
  },
  "node-cluster": {
    title: "Node 20, node:cluster",
    socket: "listen({ fd: 3 })",
    listen: "8080",
    options: ["--ready", "accept", "--stop-signal", "SIGTERM"],
    environment: () => ["NODE_CLUSTER_SCHED_POLICY=none"],
    command: ["/usr/bin/node", `${CURRENT}/cluster.mjs`],
    fresh: "0",
    kept: "1 each",
    isProbed: false,
    notes: [
      "In round robin its main process accepts, and new connections that it has not handed on yet are lost at a reload. --workers of zerodown does without node:cluster.",
      "cluster.disconnect() alone may never come to an end under load, which is Node's doing: a worker closes its idle connections, and waits for those that it answers just then, on which clients may go on asking. The slower the answers, the likelier that is. From then on the example answers with Connection: close.",
    ],
    files: ["cluster.mjs"],
  },
  podman: {
    title: "podman 4.3",
    socket: "LISTEN_FDS, which it passes into the container",
    listen: "8080",
    options: ["--env-file", "/etc/app.env", "--stop-signal", "SIGTERM"],
    environment: none,
    command: [
      "/bin/sh",
      "-c",
      'exec /usr/bin/podman run --rm --replace --name=app-{generation} --cgroups=split --sdnotify=container --network=none --pull=never "$IMAGE"',
    ],
    fresh: "0",
    kept: "1 each",
    isProbed: true,
    notes: [
      "docs/containers.md has the whole way, from a new image to systemctl reload.",
      "/etc/app.env says which image it is, IMAGE=…, and is read again for each generation.",
      "--cgroups=split keeps the container in the cgroup of its generation: otherwise it outlives all.",
      "--sdnotify=container hands READY=1 of the app on; for one that says nothing: --sdnotify=ignore, and --ready accept.",
      "What is lost is the server's doing in the container. In the test it is that of Go.",
    ],
    files: ["app.env"],
    confines: true,
  },
} as const satisfies Record<string, Server>;

/** The value that it needs of an option, else the usual one. */
export function optionOf({ options }: Server, option: string, usual: string): string {
  const index = options.indexOf(option);
  return index < 0 ? usual : options[index + 1]!;
}

/** What the server needs in a service of that name: its release, variables and containers are its own. */
export function inNameOf(name: string, server: Server): Server {
  const own = (text: string) =>
    text.replaceAll(/(?<=\/srv\/)app(?=\/)|(?<=\/etc\/)app(?=\.env)|(?<=--name=)app(?=-)/g, name);
  const { options, command, notes } = server;
  return { ...server, options: options.map(own), command: command.map(own), notes: notes.map(own) };
}

/** Those for which no unit is printed, with the reason: they take no socket that is passed. */
export const WITHOUT_UNIT = {
  caddy: {
    title: "caddy 2.6",
    why: "it binds for itself, with SO_REUSEPORT: at a reload the kernel drops what waits in the old one's accept queue, unless net.ipv4.tcp_migrate_req=1",
  },
  apache: { title: "apache 2.4", why: "it takes no socket that is passed, and binds without SO_REUSEPORT" },
  sshd: { title: "sshd", why: "it takes no socket that is passed, and binds without SO_REUSEPORT" },
} as const;
