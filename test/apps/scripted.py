# Answers each connection to descriptor 3 with its generation, and does what the test says: scripted.py DIRECTORY executes the
# Python text in DIRECTORY/start before it is ready, and that in DIRECTORY/end when it was told to stop.
import os
import select
import signal
import socket
import sys

directory = sys.argv[1]
generation = os.environ["ZERODOWN_GENERATION"]
listener = socket.socket(fileno=3)
listener.setblocking(False)
wakeup, waker = os.pipe()
os.set_blocking(waker, False)
signal.set_wakeup_fd(waker)
signal.signal(signal.SIGINT, lambda *_: None)


def act(when):
    with open(f"{directory}/{when}") as script:
        exec(script.read(), globals())


def answer():
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return  # Another generation was faster.
    with connection:
        connection.sendall(f"{os.getpid()} of generation {generation}\n".encode())


def serve():
    while wakeup not in select.select([listener, wakeup], [], [])[0]:
        answer()


def escape(cgroup, environment=None):
    """Starts a server that is in another cgroup and in a session of its own, as an engine of containers does."""
    if os.fork() > 0:
        return
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    if cgroup:
        with open(f"{cgroup}/cgroup.procs", "w") as procs:
            procs.write("0")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = (
        "import os, select, socket\n"
        # O_NONBLOCK is the socket's, which the generation has, too: without it that one could wait in accept(2), and miss its
        # stop signal.
        "listener = socket.socket(fileno=3)\n"
        "listener.setblocking(False)\n"
        f"print('escaped', os.getpid(), 'of generation {generation}', flush=True)\n"
        "while True:\n"
        "    select.select([listener], [], [])\n"
        "    try:\n"
        "        connection, _ = listener.accept()\n"
        "    except BlockingIOError:\n"
        "        continue\n"
        "    with connection:\n"
        f"        connection.sendall(f'{{os.getpid()}} escaped from generation {generation}\\n'.encode())\n"
    )
    os.execve(sys.executable, ["python3", "-c", code], os.environ if environment is None else environment)


act("start")
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
    notifier.connect(os.environ["NOTIFY_SOCKET"])
    notifier.send(b"READY=1")
serve()
act("end")
