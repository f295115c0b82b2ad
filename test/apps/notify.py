# An HTTP server as one writes it for systemd, with systemd's Python module. It knows nothing of Zerodown.
import http.server
import os
import signal
import socket
import threading
from systemd import daemon


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"Python {os.getpid()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(None, Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=daemon.listen_fds()[0])
# In a thread, because shutdown waits for the request under way.
signal.signal(signal.SIGINT, lambda *_: threading.Thread(target=server.shutdown).start())
daemon.notify("READY=1")
server.serve_forever(poll_interval=0.05)
print("all answered")
