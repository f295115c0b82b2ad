# Each generation hands a counter and its clients on to the next one. It answers each line that a client sends with the
# next number, and no connection is closed when the code is swapped.
#
#   zerodown run --listen web=7070 --fdstore-max 1000 -- python3 handover.py
#   nc localhost 7070
#
# The counter and the clients outlive a generation in the supervisor's fd store (sd_notify(3), FDSTORE=1), and in systemd's, if
# the unit has FileDescriptorStoreMax=: then not even a SIGKILL of the whole service loses a client or a number. (A client that
# comes in the same moment is lost. An app that must know when a client is stored waits, as sd_notify_barrier(3) does.)
import fcntl
import os
import select
import signal
import socket
import struct
import sys

GENERATION = os.environ["ZERODOWN_GENERATION"]

# In the memfd, the generation in charge holds a lock on the first 8 bytes. Then come the count, the last client's number, the
# pid of the newest generation, and, from byte 64 on, the names of the clients that this one got.
IN_CHARGE, COUNT, LAST_CLIENT, NEWEST = 0, 8, 16, 24
NAMES = 64


def notify(state, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(notifier, [state.encode()], fds)


def get(offset):
    return struct.unpack("Q", os.pread(state, 8, offset))[0]


def put(offset, value):
    os.pwrite(state, struct.pack("Q", value), offset)


def count_up(offset):
    # Two generations may count at a time: clients that came late stay with the old one.
    fcntl.lockf(state, fcntl.LOCK_EX, 8, offset)
    put(offset, get(offset) + 1)
    value = get(offset)
    fcntl.lockf(state, fcntl.LOCK_UN, 8, offset)
    return value


def accept():
    try:
        connection = web.accept()[0]
    except BlockingIOError:
        return
    name = f"client-{count_up(LAST_CLIENT)}"
    notify(f"FDSTORE=1\nFDNAME={name}", connection.fileno())
    admit(name, connection)


def admit(name, connection):
    clients[connection.fileno()] = name, connection
    # The others don't wait longer than this for a client that doesn't read.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 5, 0))
    epoll.register(connection, select.EPOLLIN | select.EPOLLET)


def serve(name, connection):
    # A line that isn't whole yet is left in the kernel, so that it stays with the connection, whoever reads it.
    while True:
        try:
            data = connection.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        lines = data.count(b"\n")
        if data and lines == 0:
            return
        if not data or not answer(connection, data.rindex(b"\n") + 1, lines):
            # The store has the connection open, too: only its removal ends it.
            notify(f"FDSTOREREMOVE=1\nFDNAME={name}")
            return let_go(connection)


def answer(connection, length, lines):
    try:
        connection.recv(length)
        for _ in range(lines):
            connection.sendall(f"{count_up(COUNT)} from generation {GENERATION}\n".encode())
        return True
    except (BlockingIOError, ConnectionError):
        return False  # The client doesn't read, or is gone.


def let_go(connection):
    del clients[connection.fileno()]
    connection.close()


def stop():
    newest = get(NEWEST)
    if newest == os.getpid() or not os.path.exists(f"/proc/{newest}"):
        sys.exit()  # Nobody takes over; stored clients wait in the store.
    epoll.unregister(web)
    handed = os.pread(state, 1 << 20, NAMES).split(b"\0")[0].decode().split("\n")
    for name, connection in list(clients.values()):
        if name in handed:
            let_go(connection)
    fcntl.lockf(state, fcntl.LOCK_UN, 8, IN_CHARGE)


# A generation that is told to stop before it is in charge just exits.
signal.signal(signal.SIGINT, lambda *_: sys.exit())

names = os.environ["LISTEN_FDNAMES"].split(":")
fds = dict(zip(names, range(3, 3 + len(names))))
web = socket.socket(fileno=fds.pop("web"))
web.setblocking(False)
if "counter" in fds:
    state = fds.pop("counter")
else:
    state = os.memfd_create("counter")
    os.ftruncate(state, NAMES)
    notify("FDSTORE=1\nFDNAME=counter\nFDPOLL=0", state)
put(NEWEST, os.getpid())
os.pwrite(state, "\n".join(fds).encode() + b"\0", NAMES)
notify("READY=1")

# The old generation lets go of this lock when it is told to stop, or dies. Until then the clients are its own.
fcntl.lockf(state, fcntl.LOCK_EX, 8, IN_CHARGE)

# From here on signals are read between lines, so that no line is left without its answer.
wakeup, waker = os.pipe()
os.set_blocking(waker, False)
signal.set_wakeup_fd(waker)
signal.signal(signal.SIGINT, lambda *_: None)

epoll = select.epoll()
epoll.register(wakeup, select.EPOLLIN)
epoll.register(web, select.EPOLLIN)
clients = {}
for name, fd in fds.items():
    admit(name, socket.socket(fileno=fd))
draining = False
while clients or not draining:
    for fd, _ in epoll.poll():
        if fd == wakeup:
            os.read(wakeup, 64)
            if not draining:
                draining = True
                stop()
        elif fd == web.fileno():
            if not draining:
                accept()
        elif fd in clients:
            serve(*clients[fd])
