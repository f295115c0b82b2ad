# Answers HTTP on a socket that it binds for itself, with SO_REUSEPORT: binds.py ADDRESS PORT. An answer takes 2 ms, and one
# client is answered at a time, so that others wait in the accept queue. At SIGINT it answers the one and ends.
import os
import select
import signal
import socket
import sys
import time

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(128)
stopped, stopping = socket.socketpair()
stopping.setblocking(False)
signal.set_wakeup_fd(stopping.fileno())
signal.signal(signal.SIGINT, lambda *_: None)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
    notifier.connect(os.environ["NOTIFY_SOCKET"])
    notifier.send(b"READY=1")
while stopped not in select.select([listener, stopped], [], [])[0]:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        time.sleep(0.002)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
