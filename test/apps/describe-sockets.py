# Writes what sockets it was passed, a line each, into the file it is given; then it is ready.
import os
import signal
import socket
import stat
import sys
from systemd import daemon


def describe(fd):
    link = os.readlink(f"/proc/self/fd/{fd}")
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        return link
    described = socket.socket(fileno=os.dup(fd))
    return f"{described.family.name} {described.type.name} {described.getsockname()}"


with open(sys.argv[1], "w") as file:
    for fd, name in daemon.listen_fds_with_names(unset_environment=False).items():
        print(fd, name, describe(fd), file=file)
signal.signal(signal.SIGINT, signal.SIG_DFL)
daemon.notify("READY=1")
signal.pause()
