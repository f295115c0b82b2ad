# Answers each connection to descriptor 3 with its version and generation; ends when it is told to stop.
#
# answer.py VERSION [crash | ignore-stop | linger]
#   VERSION      what it answers; "@FILE": what that file says when it starts
#   crash        exits with status 3 as soon as it is ready
#   ignore-stop  SIGINT does nothing
#   linger       SIGINT makes it take no more connections, SIGUSR2 then ends it
import os
import select
import signal
import socket
import sys

version = sys.argv[1]
if version.startswith("@"):
    version = open(version[1:]).read().strip()
ways = sys.argv[2:]
generation = os.environ["ZERODOWN_GENERATION"]
listener = socket.socket(fileno=3)
listener.setblocking(False)

# Signals are read between connections, so that none is left without its answer.
wakeup, waker = os.pipe()
os.set_blocking(waker, False)
signal.set_wakeup_fd(waker)
for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda *_: None)


def notify(state):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(os.environ["NOTIFY_SOCKET"])
        notifier.send(state.encode())


def answer():
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return  # Another generation was faster.
    with connection:
        connection.sendall(f"{version} from generation {generation}\n".encode())


def handle(number):
    name = signal.Signals(number).name
    print(f"generation {generation} got {name}", flush=True)
    if name == "SIGINT" and "linger" in ways:
        sources.remove(listener)
    elif name == "SIGINT" and "ignore-stop" not in ways or name == "SIGUSR2":
        sys.exit()


notify("READY=1")
if "crash" in ways:
    sys.exit(3)
sources = [listener, wakeup]
while True:
    for source in select.select(sources, [], [])[0]:
        if source is listener:
            answer()
        else:
            for number in os.read(wakeup, 64):
                handle(number)
