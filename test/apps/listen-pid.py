#!/usr/bin/python3
# Executes a program as systemd does: LISTEN_PID is its own pid, and LISTEN_PIDFDID, where it is "own", its pidfd's inode.
import os
import sys

os.environ["LISTEN_PID"] = str(os.getpid())
if os.environ.get("LISTEN_PIDFDID") == "own":
    os.environ["LISTEN_PIDFDID"] = str(os.fstat(os.pidfd_open(os.getpid())).st_ino)
os.execv(sys.argv[1], sys.argv[1:])
