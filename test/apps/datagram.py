# Sends a file's bytes to its notify socket, as one message with a descriptor, says so when they are dealt with, and waits.
#
# datagram.py FILE
import array
import os
import signal
import socket
import sys

signal.signal(signal.SIGINT, lambda *_: os._exit(0))
notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notifier.connect(os.environ["NOTIFY_SOCKET"])


def send(data, fd):
    notifier.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


with open(sys.argv[1], "rb") as file:
    send(file.read(), os.memfd_create("datagram"))
reader, writer = os.pipe()
send(b"BARRIER=1", writer)
os.close(writer)
os.read(reader, 1)
print("sent", os.path.basename(sys.argv[1]), flush=True)
while True:
    signal.pause()
