# An HTTP server in Python that loses no request when Zerodown swaps it. It answers one request per connection, says when it
# is ready, and when it is told to stop it answers what it has accepted, and exits.
#
# GET /take takes 200 MB of memory. With the variable TAKE=1 it takes them before it is ready; with FORK=1 it makes processes
# then, until the kernel refuses one.
import os
import select
import signal
import socket
import sys
import time

GREETING = "Hello"


def notify(state):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(os.environ["NOTIFY_SOCKET"])
        notifier.send(state.encode())


def take():
    return bytearray(os.urandom(4096) * 50_000)


def fork():
    while True:
        try:
            if os.fork() == 0:
                time.sleep(1000)
        except OSError as error:
            sys.exit(f"fork: {error}")


def answer(connection):
    connection.settimeout(30)
    request = b""
    while b"\r\n\r\n" not in request:
        piece = connection.recv(65536)
        if not piece:
            return
        request += piece
    if request.startswith(b"GET /take"):
        take()
    text = f"{GREETING} from generation {os.environ['ZERODOWN_GENERATION']}, pid {os.getpid()}\n"
    connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())


wake, waker = os.pipe()
os.set_blocking(waker, False)
signal.set_wakeup_fd(waker)
signal.signal(signal.SIGINT, lambda *_: None)
signal.signal(signal.SIGTERM, lambda *_: None)

listener = socket.socket(fileno=3)
listener.setblocking(False)
if "TAKE" in os.environ:
    take()
if "FORK" in os.environ:
    fork()
notify("READY=1")

while True:
    readable, _, _ = select.select([listener, wake], [], [])
    if wake in readable:
        sys.exit(0)
    try:
        accepted, _ = listener.accept()
    except BlockingIOError:
        # The other generation was first.
        continue
    with accepted:
        answer(accepted)
