# A main process, a child, and CPU time of one child that is gone; a listening socket and a pair of sockets of its own.
# Writes a newline to $ZERODOWN_READY_FD when all of that is there. With "private" others may not look at its descriptors.
import ctypes
import os
import resource
import signal
import socket
import sys


def burn(seconds):
    while resource.getrusage(resource.RUSAGE_SELF).ru_utime < seconds:
        pass


def die(*_):
    os._exit(0)


signal.signal(signal.SIGINT, die)
own = socket.socket(socket.AF_UNIX)
own.bind(f"\0zerodown-family-{os.getpid()}")
own.listen()
pair = socket.socketpair()
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
prctl = ctypes.CDLL(None).prctl
if sys.argv[1:] == ["private"]:
    prctl(PR_SET_DUMPABLE, 0)

gone = os.fork()
if gone == 0:
    burn(0.3)
    os._exit(0)
os.waitpid(gone, 0)

if os.fork() == 0:
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    burn(0.2)
    os.write(int(os.environ["ZERODOWN_READY_FD"]), b"\n")
while True:
    signal.pause()
