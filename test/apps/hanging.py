# An HTTP server that says WATCHDOG=1 after each request, and between them; /hang makes it hang in that one.
import os
import signal
import socket
import sys
import time

signal.signal(signal.SIGINT, lambda *_: sys.exit())
notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notifier.connect(os.environ["NOTIFY_SOCKET"])
listener = socket.socket(fileno=3)
notifier.send(b"READY=1\nWATCHDOG=1")
body = f"generation {os.environ['ZERODOWN_GENERATION']}".encode()
while True:
    # The listening socket is shared, and may be non-blocking for another's sake.
    listener.settimeout(0.3)
    try:
        connection = listener.accept()[0]
    except TimeoutError:
        notifier.send(b"WATCHDOG=1")
        continue
    connection.settimeout(None)
    request = connection.recv(65536)
    if request.startswith(b"GET /hang "):
        time.sleep(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    connection.close()
    notifier.send(b"WATCHDOG=1")
