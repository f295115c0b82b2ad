# Sends all that must not be sent to a notify socket.
#
# flood.py ROUNDS   then it waits until it is told to stop; 0: for ever, and four more processes send what is short, because a
#                   single sender is slower than who reads
import array
import os
import signal
import socket
import sys

notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notifier.connect(os.environ["NOTIFY_SOCKET"])
others = []


def stop(*_):
    for pid in others:
        os.kill(pid, signal.SIGKILL)
    sys.exit()


signal.signal(signal.SIGINT, stop)

SCM_MAX_FD = 253
fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [2] * SCM_MAX_FD))]
garbage = bytes(range(128, 256)) * 8


def flood():
    notifier.send(garbage)
    notifier.send(b"\xff\xfe=\xf0\x28")
    notifier.send(b"x" * 65536)
    notifier.send(b"READY=1\n" + b"x" * 65536)
    notifier.send(b"\0" * 64)
    notifier.send(b"READY=1\0STATUS=x\0")
    notifier.send(b"")
    notifier.send(b"\n\n=\n==\nREADY\nREADY=\nREADY=0\nREADY=11\n READY=1\nready=1\n")
    notifier.send(b"EXTEND_TIMEOUT_USEC=-1\nEXTEND_TIMEOUT_USEC=1e9\nERRNO=99999999999\nEXIT_STATUS=x")
    notifier.sendmsg([b"FDSTORE=1\nFDNAME=flood"], fds)
    notifier.sendmsg([b"x" * 65536], fds)
    notifier.sendmsg([garbage], fds)
    notifier.sendmsg([b""], fds)


rounds = int(sys.argv[1])
print("flooding", flush=True)
if rounds == 0:
    while len(others) < 4:
        pid = os.fork()
        if pid == 0:
            while True:
                notifier.send(b"X=1")
        others.append(pid)
    while True:
        flood()
for _ in range(rounds):
    flood()
print("flooded", flush=True)
signal.pause()
