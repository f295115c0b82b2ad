# Kept HTTP/1.1 connections go on in the next generation: docs/handover.md. It answers GET, and nothing else.
#
#   zerodown run --listen 8080 -- python3 kept-connections.py
import os
import re
import select
import signal
import socket
import time

GENERATION = os.environ["ZERODOWN_GENERATION"]
listener = socket.socket(fileno=3)
listener.setblocking(False)
clients = {}  # each connection, and what was read of it and isn't answered yet
channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
channel.setblocking(False)
predecessors = set()  # those that give connections to this process
successor, takes = None, False  # the one that gets its connections, and whether it has said that it takes some
given = []  # what is on its way to the successor: nobody reads that
stopped_at = None
wake, waker = socket.socketpair()
waker.setblocking(False)
signal.set_wakeup_fd(waker.fileno())
signal.signal(signal.SIGINT, lambda *_: None)


def notify(state, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(notifier, [state.encode()], fds)


def receive(end):  # the text, empty when the other end is closed; and the sockets that came along
    try:
        data, fds, *_ = socket.recv_fds(end, 4096, 253)
    except ConnectionResetError:  # it closed with something unread; what it had said before comes now
        data, fds, *_ = socket.recv_fds(end, 4096, 253)
    return data.decode(), [socket.socket(fileno=fd) for fd in fds]


def hear_supervisor():
    global successor
    try:
        while True:
            text, [end] = receive(channel)
            if "GIVE=1" in text.split("\n"):
                successor = end
            elif stopped_at is None:
                predecessors.add(end)
                end.send(b"TAKEN=0\nOPEN=%d" % len(clients))
    except (BlockingIOError, ValueError):
        pass


def take(predecessor):
    text, sockets = receive(predecessor)
    if text == "":
        predecessors.discard(predecessor)
        return
    mine = sockets if text.startswith("SOCKET=0\n") else []
    clients.update((client, b"") for client in mine)
    predecessor.send(b"TAKEN=%d\nOPEN=%d" % (len(mine), len(clients)))


def give():
    global given
    given = [client for client, rest in clients.items() if rest == b""][:16]
    if given:
        text = "SOCKET=0\nREQUESTS=" + " ".join("1" for _ in given)
        socket.send_fds(successor, [text.encode()], [client.fileno() for client in given])


def hear_successor():
    global successor, takes, given
    text, _ = receive(successor)
    taken = int(re.search(r"^TAKEN=(\d+)", text)[1]) if text else 0
    for client in given[:taken]:
        del clients[client]
        client.close()
    takes = text != "" and taken == len(given)
    if not takes:  # it takes no more: what is left ends here
        successor.close()
        successor = None
    given = []


def answer(client):
    clients[client] += client.recv(65536) or b"\0"
    while (head := clients[client].partition(b"\r\n\r\n"))[1]:
        clients[client] = head[2]
        last = "Connection: close\r\n" if stopped_at and not successor and not head[2] else ""
        body = f"generation {GENERATION}\n"
        client.sendall(f"HTTP/1.1 200 OK\r\n{last}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        if last:
            clients[client] = b"\0"
    if clients[client].endswith(b"\0"):
        del clients[client]
        client.close()


notify("X_ZERODOWN_HANDOVER=1", theirs.fileno())
theirs.close()
notify("READY=1")
while stopped_at is None or (clients and time.monotonic() < stopped_at + 6):
    read = [wake, channel, *predecessors, *([] if stopped_at else [listener]), *([successor] if successor else [])]
    ready = select.select(read + [client for client in clients if client not in given], [], [], 1 if stopped_at else None)[0]
    for one in ready:
        if one is wake:
            wake.recv(1)
            hear_supervisor()  # it has said who comes before it told this process to stop
            stopped_at = stopped_at or time.monotonic()
            for end in predecessors:
                end.close()
            predecessors.clear()
        elif one is channel:
            hear_supervisor()
        elif one is listener:
            try:
                clients[listener.accept()[0]] = b""
            except BlockingIOError:
                pass
        elif one is successor:
            hear_successor()
        elif one in predecessors:
            take(one)
        elif one in clients:
            answer(one)
    if stopped_at and successor and takes and not given:
        give()
