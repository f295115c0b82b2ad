# Keeps a note in the fd store of who wrote it, and says which notes it has got.
import os
import signal
import socket

me = f"worker {os.environ.get('ZERODOWN_WORKER', 'alone')} of generation {os.environ['ZERODOWN_GENERATION']}"


def notify(text, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(notifier, [text.encode()], fds)


names = os.environ.get("LISTEN_FDNAMES", "").split(":")
notes = [os.pread(3 + index, 100, 0).decode() for index, name in enumerate(names) if name == "note"]
print(f"{me} has {', '.join(notes) or 'nothing'}", flush=True)
if not notes:
    note = os.memfd_create("note")
    os.write(note, me.encode())
    notify("FDSTORE=1\nFDNAME=note\nFDPOLL=0", note)
notify("READY=1")
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
while True:
    signal.pause()
