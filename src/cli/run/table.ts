// The options of `zerodown run`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP } from "../options/table.js";
import { WORKERS } from "./worker-options.js";

export const RUN = {
  name: "run",
  usage: "[options] -- COMMAND [ARG…]",
  about: [
    `
      Supervises COMMAND. On SIGHUP it starts COMMAND again from what is on disk, waits until the new generation is
      ready, and only then stops the old one. Sockets come from systemd (LISTEN_FDS) and from --listen; COMMAND gets
      them as LISTEN_FDS.`,
  ],
  groups: {
    sockets: "Sockets (ADDR as in ListenStream=: 8080, 127.0.0.1:8080, [::1]:8080, /run/app.sock, @abstract)",
    life: "A generation's life (TIME: 90, 90s, 5min, 1h 30min, infinity)",
    signals: "Signals",
    again: "Read again for each generation",
    store: "Descriptors that a generation stores (FDSTORE=1 in sd_notify(3)) and later ones get",
    events: "Events",
    control: "Control",
  },
  options: {
    listen: {
      group: "sockets",
      value: "[NAME=]ADDR",
      repeatable: true,
      help: "bind and listen",
      more: "Bind a stream socket and listen. With the same address several times: see ACCEPT QUEUES.",
    },
    "listen-datagram": { group: "sockets", value: "[NAME=]ADDR", repeatable: true, help: "bind a datagram socket" },
    "listen-seqpacket": {
      group: "sockets",
      value: "[NAME=]ADDR",
      repeatable: true,
      help: "bind and listen, sequential packets",
      more: "Bind a sequential-packet socket and listen.",
    },
    "fd-map": {
      group: "sockets",
      value: "[NAME=]NUMBER",
      repeatable: true,
      help: "passes a socket at that descriptor, too, for an app that takes no other: 0",
      more: `
        Each process has the descriptor with that NAME, or the first one, at NUMBER as well, for an app that insists on one: 0 for
        Java's *System.inheritedChannel()* and for servers of inetd's kind. $LISTEN_FDS tells nothing of it, and the descriptor is
        also where it was. NUMBER may be 0, or one behind all others up to 1023. 1 and 2 are what the app writes to.`,
    },
    ready: {
      group: "life",
      value: "MODE",
      default: "notify",
      help: "how it becomes ready",
      choices: {
        notify: "it sends READY=1 to $NOTIFY_SOCKET",
        exec: "as soon as it is executed",
        "delay:TIME": "when it has run for TIME",
        fd: "it writes a newline to descriptor $ZERODOWN_READY_FD",
        accept: "it is seen to wait for clients on every socket that listens",
        "notify+accept": "both: READY=1, and it is seen to wait for clients",
      },
      more: `
        How a generation becomes ready. *accept* is for servers that take LISTEN_FDS and know no sd_notify(3); with
        *notify+accept* a READY=1 that is said too early doesn't count, as that of a main process whose workers have
        not loaded the app (gunicorn).

        A process waits for clients by epoll(7), accept(2), poll(2) or select(2), as /proc tells. The supervisor must
        be allowed to look: a process of another user, or with more capabilities, is hidden from it unless it has
        CAP_SYS_PTRACE, and a candidate with a hidden process is killed after 5 seconds. Processes that accept with
        io_uring(7), or in a container outside of the unit's cgroup, can't be seen. A runtime that watches a socket
        from the moment it is opened (Go) is ready a little before it answers.`,
    },
    "start-timeout": {
      group: "life",
      value: "TIME",
      default: "10min",
      help: "how long it may take until it is ready",
      more: "A candidate that isn't ready by then is killed, and the reload failed.",
    },
    probe: {
      group: "life",
      value: "COMMAND|http:/PATH",
      repeatable: true,
      completes: "file",
      help: "what a candidate that is ready must pass before it serves",
      more: `
        What a candidate that is ready must pass before it settles and serves; else it is killed, and the reload failed. Given
        several times, one after the other. With --workers each worker. What replaces one that crashed or is recycled is not
        probed, nor are workers that zerodown scale adds, nor is a release that is started because it served last.

        COMMAND is run by /bin/sh -c, in the candidate's directory, with its environment and $ZERODOWN_CANDIDATE_PID and
        $ZERODOWN_PROBE_SOCKET, and must exit with 0; its output goes to the log, and its last line is the reason. What it
        leaves running is killed.

        *http:/PATH* is a GET on the candidate's probe socket, and must be answered with 2xx.

        The probe socket is a stream socket at $ZERODOWN_PROBE_SOCKET, one for each process: the other sockets are every
        generation's, so that a request to those may be answered by the old one. The process gets it as one more descriptor
        after the sockets, with the name "probe" in LISTEN_FDNAMES, which no other socket may have then, and its number in
        $ZERODOWN_PROBE_FD; serve() and adopt() of the library listen on it by themselves. A server that can't be told to can
        be probed by a command that asks it otherwise.

        A candidate that waits for clients on the other sockets takes some while it is probed. A dry run (--dry-run of
        *zerodown reload*) tries it without those sockets before.`,
    },
    "probe-timeout": {
      group: "life",
      value: "TIME",
      default: "30s",
      help: "how long each probe may take",
    },
    settle: {
      group: "life",
      value: "TIME",
      default: "0",
      help: "how long old and new serve together once the new one is ready",
      more: `
        Old and new serve together for TIME after the new one is ready; if it dies in that time, the reload failed and
        the old one was never told to stop.`,
    },
    "stop-timeout": {
      group: "life",
      value: "TIME",
      default: "90s",
      help: "how long it may take to end after the stop signal; then SIGKILL",
      more: "A generation that runs on for that long after its stop signal is killed.",
    },
    "on-crash": {
      group: "life",
      value: "WHAT",
      default: "restart",
      help: "what happens when the serving one crashes",
      choices: {
        restart: "the next one starts; beyond 5 crashes within 10 s zerodown exits",
        exit: "zerodown exits at the first",
      },
      more: `
        What to do when the serving generation crashes.

        *restart* starts the next one at once, later with growing pauses, and gives up when there are more than 5
        crashes within 10 seconds; clients wait in the sockets' backlog meanwhile. *exit* gives up at the first; the
        unit's *Restart=* decides. A crash is any end but exit status 0, that by SIGTERM included, although systemd
        calls some of those clean.`,
    },
    ...WORKERS,
    "kill-strays": {
      group: "life",
      value: "WHICH",
      default: "own",
      help: "kills what still holds a socket when its generation has ended, and left its cgroup",
      choices: {
        own: "what can be told to be of a generation that has ended",
        all: "also what can't be told to be of any",
        none: "nothing; the log names it",
      },
      more: `
        What to do with processes that still hold a socket when their generation has ended, and would go on answering
        clients: they have left its cgroup, as containers do that an engine puts elsewhere, or without *Delegate=* its
        process group. The supervisor looks through /proc after each generation's end, and the log names each at err.

        *own* kills those that can be told to be of a generation that has ended: by the environment that they, or one
        of the processes above them, were executed with (ZERODOWN_SUPERVISOR_PID and ZERODOWN_GENERATION), or as
        processes of this unit that are younger than the supervisor and older than every generation. *all* also kills
        those that can't be told to be of any generation: not for an app whose processes shed that environment and go
        elsewhere, for its living ones look the same. *none* kills nothing.

        systemd and all other processes above the supervisor, living generations, and other services that the sockets
        are passed to are left alone in any case.`,
    },
    "stop-signal": {
      group: "signals",
      value: "SIG",
      default: "SIGINT",
      completes: "signal",
      help: "tells a generation to finish and exit",
      more: `
        Tells a generation to finish its work and exit. It also gets this when the supervisor dies. Its main process
        alone gets it: a shell in front of the app must *exec* it.`,
    },
    "stop-on": {
      group: "signals",
      value: "SIG",
      repeatable: true,
      defaultText: "SIGTERM, SIGINT and SIGQUIT",
      completes: "signal",
      help: "stops zerodown",
      more: `
        Stops the supervisor: every generation gets the stop signal. A SIGINT while it stops kills what is left.`,
    },
    "reload-signal": {
      group: "signals",
      value: "SIG",
      repeatable: true,
      defaultText: "SIGHUP",
      completes: "signal",
      help: "makes zerodown reload",
      more: "Makes the supervisor reload.",
    },
    "pass-signal": {
      group: "signals",
      value: "SIG",
      repeatable: true,
      completes: "signal",
      help: "is passed on to the generations that serve or drain",
    },
    "env-file": {
      group: "again",
      value: "FILE",
      completes: "file",
      help: "variables for COMMAND, as EnvironmentFile= has them",
      more: `
        Variables for COMMAND, in the format of *EnvironmentFile=* in systemd.exec(5). A line that assigns nothing, or
        to what isn't a variable's name (export A=1), is left out, as by systemd, and told in the log. A value may
        hold any bytes; systemd would refuse a file that isn't UTF-8.`,
    },
    "working-directory": {
      group: "again",
      value: "DIR",
      completes: "directory",
      help: "where COMMAND starts; symbolic links are followed each time",
      more: `
        Where COMMAND starts; symbolic links in it are followed each time. Default: the supervisor's own, by its path
        in $PWD where that is set. (*WorkingDirectory=* of a unit is resolved only once, when the unit starts.)`,
    },
    "fdstore-max": {
      group: "store",
      value: "N",
      defaultText: "$FDSTORE, set by FileDescriptorStoreMax=, else 0",
      help: "how many may be stored at a time",
      more: `
        How many descriptors generations may store at a time (*FDSTORE=1*; see WHAT A GENERATION MAY SAY). systemd
        sets $FDSTORE since version 254.`,
    },
    "on-event": {
      group: "events",
      value: "COMMAND",
      completes: "file",
      help: "is run for each event, with $ZERODOWN_EVENT and others; nobody waits for it",
      more: `
        Is run by /bin/sh -c for each event: *promoted*, *failed*, *crashed*, *gave-up*, *drained*, *killed*,
        *recycled* and *upgraded* (see LOG). It finds what is known of it in $ZERODOWN_EVENT, $ZERODOWN_MESSAGE (the
        line of the log), $ZERODOWN_GENERATION, $ZERODOWN_WORKER, $ZERODOWN_PID, $ZERODOWN_RELEASE,
        $ZERODOWN_DURATION_USEC and $ZERODOWN_RESULT, and else the environment of the unit. $ZERODOWN_RELEASE is a number,
        that of the first generation that was started from the same release: so a rollback has the number of what served
        before, and what was deployed a new one. Its directory is /, and its output goes to the log.

        The supervisor waits for none of them. One runs at a time, for 30 seconds at most; up to 32 events wait. What
        runs when the supervisor ends is killed: of the unit's own end *OnFailure=* tells, as systemd.unit(5) says.`,
    },
    "before-drain": {
      group: "events",
      value: "COMMAND",
      completes: "file",
      help: "is run before a process that was ready is told to stop",
      more: `
        Is run by /bin/sh -c before a process that was ready is told to stop, because another one has taken its place
        or because the service stops: to take it out of a load balancer that knows it by itself. (The sockets of the
        unit are shared; for them a reload needs no such thing.) It finds $ZERODOWN_GENERATION, $ZERODOWN_WORKER,
        $ZERODOWN_PID and $ZERODOWN_RELEASE. Whatever comes of it, the process is told to stop when it has ended; what
        it says, and its failure, are in the log.`,
    },
    "before-drain-timeout": {
      group: "events",
      value: "TIME",
      default: "10s",
      help: "how long it may take; then it is killed, and the process told to stop",
      more: "It is killed after that time, and the process told to stop. *--stop-timeout* begins then.",
    },
    watch: {
      group: "again",
      value: "DIR",
      repeatable: true,
      completes: "directory",
      help: "reload when something below DIR has changed: for writing code",
      more: `
        Reload when files below DIR have changed and then stayed for 100 ms: for whoever writes the code, at a terminal. A
        change that doesn't start leaves the old code serving, and the log says why; the next change is tried again. A
        candidate that isn't ready when more changes is given up.

        What is below node_modules, __pycache__, .git, .hg and .svn doesn't count, nor do the temporary files of editors and
        zerodown's own sockets and runtime directory. DIR may be removed and made again, and may lead through symbolic links,
        whose switch counts as a change; links below it aren't followed. An app that writes into DIR reloads itself: name the
        directory of its code alone.

        It is refused in a unit: there systemd watches, see --watch of *zerodown unit*.`,
    },
    control: {
      group: "control",
      value: "PATH|none",
      completes: "file",
      defaultText: "in $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR, /run or $TMPDIR",
      help: "the socket for zerodown reload and status",
      more: `
        Where the socket for *zerodown reload* and *zerodown status* is: by default in the directory of FILES, where
        these commands look for it by themselves, and find a link to PATH. Only root and the supervisor's own user may
        use it. It speaks Varlink, so that varlinkctl(1) can call it; see docs/tech.fornaxian.zerodown.varlink.`,
    },
    ...HELP,
  },
  notes: [
    `
      In the arguments of COMMAND, and in --probe: {generation}, {worker}, {fd}, {fd:NAME} (numbers of descriptors), {release}
      (the real path of the working directory) and {runtime} (a directory that is each process's own) are put in; {{worker}} is
      {worker} itself. Other braces stay as they are.`,
  ],
  examples: [
    "zerodown run --listen 8080 -- node server.js      then: kill -HUP PID",
    "zerodown run --watch src --listen 8080 -- node server.js",
  ],
} as const satisfies CommandTable;
