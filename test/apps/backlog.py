# Passes a listening socket to a command, waits for its newline on $ZERODOWN_READY_FD, and prints how long the socket's queue
# may be then.
import os
import signal
import socket
import struct
import sys

listener = socket.create_server(("127.0.0.1", 0), backlog=int(sys.argv[1]))
ready, said = os.pipe()
child = os.fork()
if child == 0:
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), ZERODOWN_READY_FD="9")
    os.dup2(said, 9)
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(said)
if not os.read(ready, 1):
    sys.exit("it has ended")
# tcpi_sacked of struct tcp_info is, on a socket that listens, the length of its queue.
print(struct.unpack_from("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0])
os.kill(child, signal.SIGKILL)
