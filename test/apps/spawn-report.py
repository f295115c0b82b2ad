# Writes what it finds itself in, as JSON, into the file named by its last argument.
import ctypes
import json
import os
import resource
import sys


def open_fds():
    fds = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            fds[fd] = os.readlink("/proc/self/fd/" + fd)
        except FileNotFoundError:
            pass  # the one that listed them
    return fds


def death_signal():
    PR_GET_PDEATHSIG = 2
    signal = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(signal))
    return signal.value


report = {
    "fds": open_fds(),
    # As it was executed: Python adds to os.environ.
    "environment": open("/proc/self/environ").read().split("\0")[:-1],
    "arguments": sys.argv[1:-1],
    "pid": os.getpid(),
    "group": os.getpgrp(),
    "directory": os.getcwd(),
    "deathSignal": death_signal(),
    "fileLimit": resource.getrlimit(resource.RLIMIT_NOFILE),
}
with open(sys.argv[-1], "w") as file:
    json.dump(report, file)
