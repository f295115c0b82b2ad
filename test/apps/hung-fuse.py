"""hung-fuse.py DIRECTORY: mounts a FUSE file system with one file, "file". At SIGUSR1 it answers nothing any more, as a
network file system does whose server is gone. It is unmounted, and all who wait get an error, when this process ends."""

import ctypes
import errno
import os
import select
import signal
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, FLUSH, RELEASE, INIT = 1, 2, 3, 14, 15, 25, 18, 26
ROOT, FILE = 1, 2

directory = sys.argv[1]
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hung", directory.encode(), b"fuse", 0, options) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")


def attributes(node):
    mode = 0o40755 if node == ROOT else 0o100644
    return struct.pack("<6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


# A handler that did it would wait for a request where the signal comes just before read(2) does.
asked, wakeup = os.pipe()
os.set_blocking(wakeup, False)
signal.set_wakeup_fd(wakeup)
signal.signal(signal.SIGUSR1, lambda *_: None)
print("mounted", flush=True)
while True:
    if asked in select.select([device, asked], [], [])[0]:
        print("hung", flush=True)
        signal.pause()
    try:
        request = os.read(device, 1 << 17)
    except FileNotFoundError:
        continue  # Whoever asked is gone.
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    error, reply = 0, b""
    if opcode == INIT:
        reply = struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 12, 12, 65536, 1, 1, 0, *[0] * 8)
    elif opcode == LOOKUP and request[40:] == b"file\0":
        reply = struct.pack("<4Q2I", FILE, 0, 0, 0, 0, 0) + attributes(FILE)
    elif opcode == LOOKUP:
        error = errno.ENOENT
    elif opcode == GETATTR:
        # The answer is valid for no time at all, so that each fstat(2) asks again.
        reply = struct.pack("<QII", 0, 0, 0) + attributes(node)
    elif opcode == OPEN:
        reply = struct.pack("<QII", 0, 0, 0)
    elif opcode in (FLUSH, RELEASE):
        pass
    elif opcode == FORGET:
        continue
    else:
        error = errno.ENOSYS
    try:
        os.write(device, struct.pack("<IiQ", 16 + len(reply), -error, unique) + reply)
    except FileNotFoundError:
        pass  # Here, too.
