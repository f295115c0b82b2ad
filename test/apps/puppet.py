# Does what a test says, on a socket of its own, one command a message; says "GENERATION> done: COMMAND" after each.
#
# puppet.py DIRECTORY     the socket is DIRECTORY/puppet-GENERATION
#   sh SHELL COMMANDS     runs them; systemd-notify above all
#   send TEXT [KIND]      to its notify socket, \n for line feeds, with a descriptor: a number, or a new one of that kind
#   burst N               N times FDSTORE=1, each removed again
#   stream N              N descriptors to be stored, one every 20 ms
#   describe              its passed descriptors and $FDSTORE, a line each
#   ignore                ends at no signal any more that can be ignored; before, at SIGINT
#   daemonize             a process three forks and two sessions away, which ignores all signals
#   take N                takes N MiB of memory
#   hang                  does nothing more
#   exit STATUS
import os
import select
import signal
import socket
import subprocess
import sys
import time

generation = os.environ["ZERODOWN_GENERATION"]
kept = []


def say(text):
    print(f"{generation}> {text}", flush=True)


def notify(text, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(notifier, [text.encode()], fds)


def make(kind):
    if kind.isdigit():
        return int(kind)
    if kind == "memfd":
        kept.append(os.memfd_create("puppet"))
    elif kind == "eventfd":
        kept.append(os.eventfd(0))
    elif kind == "epoll":
        loop = select.epoll()
        kept.append(os.dup(loop.fileno()))
    elif kind == "socketpair, one end closed":
        ends = socket.socketpair()
        kept.append(os.dup(ends[0].fileno()))
    return kept[-1]


def barrier():
    reader, writer = os.pipe()
    notify("BARRIER=1", writer)
    os.close(writer)
    select.select([reader], [], [])
    os.close(reader)


def ignore_all():
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass


def daemonize():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                ignore_all()
                say(f"daemon {os.getpid()}")
                while True:
                    time.sleep(1000)
        os._exit(0)
    os.wait()


def do(command):
    verb, _, rest = command.partition(" ")
    if verb == "sh":
        subprocess.run(rest, shell=True)
    elif verb == "send":
        text, _, kind = rest.partition(" with ")
        notify(text.encode().decode("unicode_escape"), *([make(kind)] if kind else []))
        barrier()
    elif verb == "burst":
        for count in range(int(rest)):
            fd = os.memfd_create("burst")
            notify(f"FDSTORE=1\nFDNAME=burst-{count}", fd)
            notify(f"FDSTOREREMOVE=1\nFDNAME=burst-{count}")
            os.close(fd)
        barrier()
    elif verb == "stream":
        for count in range(int(rest)):
            fd = os.memfd_create("stream")
            notify(f"FDSTORE=1\nFDNAME=stream-{count}", fd)
            os.close(fd)
            time.sleep(0.02)
        barrier()
    elif verb == "describe":
        for index, name in enumerate(os.environ["LISTEN_FDNAMES"].split(":")):
            say(f"  {3 + index} {name} {os.readlink(f'/proc/self/fd/{3 + index}')}")
        if "FDSTORE" in os.environ:
            say(f"  FDSTORE={os.environ['FDSTORE']}")
    elif verb == "ignore":
        ignore_all()
    elif verb == "daemonize":
        daemonize()
    elif verb == "take":
        kept.append(b"x" * (int(rest) << 20))
    elif verb == "hang":
        say("hangs")
        while True:
            time.sleep(1000)
    elif verb == "exit":
        os._exit(int(rest))


signal.signal(signal.SIGINT, lambda *_: os._exit(0))
commands = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = f"{sys.argv[1]}/puppet-{generation}"
if os.path.exists(address):
    os.unlink(address)  # of the same generation, of a supervisor that was killed
commands.bind(address)
say(f"waits {os.getpid()}")
if "--silent" not in sys.argv:
    notify("READY=1")
while True:
    command = commands.recv(65536).decode()
    do(command)
    say(f"done: {command}")
