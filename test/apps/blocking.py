# Answers each connection to descriptor 3 with its generation, and waits for the next in accept(2), as a simple server does.
#
# blocking.py [fail]
#   fail  makes the socket non-blocking, as event loops do, and exits with status 3
import os
import signal
import socket
import sys

listener = socket.socket(fileno=3)
if "fail" in sys.argv:
    listener.setblocking(False)
    sys.exit(3)
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
    notifier.connect(os.environ["NOTIFY_SOCKET"])
    notifier.send(b"READY=1")
while True:
    with listener.accept()[0] as connection:
        connection.sendall(f"blocking, from generation {os.environ['ZERODOWN_GENERATION']}\n".encode())
