# Answers HTTP on the socket of the service, and on that of its probes.
#
# probed.py VERSION [ok | fails | switches | deaf | skips | closes | hangs-up | garbles]
#   VERSION   the body of each answer
#   ok        answers probes as it does all else
#   fails     answers probes with status 500
#   switches  answers probes with status 101, to another protocol
#   deaf      never accepts one
#   skips     accepts the first one, says "held", and answers only later ones
#   closes    closes the descriptor
#   hangs-up  closes each connection without an answer
#   garbles   answers with what isn't HTTP
import os
import select
import socket

import sys

version, way = sys.argv[1], (sys.argv[2:] or ["ok"])[0]
probe_fd = int(os.environ.get("ZERODOWN_PROBE_FD", -1))
count = int(os.environ["LISTEN_FDS"])
listeners = [socket.socket(fileno=fd) for fd in range(3, 3 + count) if fd != probe_fd]
probe = socket.socket(fileno=probe_fd) if probe_fd >= 0 else None
if way == "closes" and probe:
    probe.close()
    probe = None
if probe and way != "deaf":
    listeners.append(probe)
for listener in listeners:
    listener.setblocking(False)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
    notifier.connect(os.environ["NOTIFY_SOCKET"])
    notifier.send(b"READY=1")
held = []


def answer(listener):
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return  # Another generation was faster.
    with connection:
        connection.setblocking(True)
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                return
            request += data
        is_probe = listener is probe
        if is_probe and way == "skips" and not held:
            held.append(connection.dup())
            print("held", flush=True)
            return
        if is_probe and way == "hangs-up":
            return
        if is_probe and way == "garbles":
            connection.sendall(b"220 smtp.example.com ESMTP\r\n")
            return
        if is_probe and way == "switches":
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            connection.recv(1)
            return
        status = "500 Broken On Purpose" if is_probe and way == "fails" else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(version)}\r\nConnection: close\r\n\r\n"
        connection.sendall((head + version).encode())


while True:
    for listener in select.select(listeners, [], [])[0]:
        answer(listener)
