# Answers one HTTP request on its first socket, and has no more to do then.
import socket
from systemd import daemon

listener = socket.socket(fileno=daemon.listen_fds()[0])
daemon.notify("READY=1")
connection, _ = listener.accept()
connection.recv(65536)
connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
connection.close()
