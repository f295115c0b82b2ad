"""Waits for clients on descriptor 3 and up, in the way that its first argument names; the second is for how long, in s, it
gets ready before that. It answers each client with the way, and says on stdout when it began to wait, in ns of CLOCK_MONOTONIC."""
import os, select, socket, sys, threading, time

way, delay = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0
listening = [socket.socket(fileno=3 + n) for n in range(int(os.environ["LISTEN_FDS"]))]


def answer(listener):
    client, _ = listener.accept()
    client.settimeout(None)
    client.sendall(f"{way} {os.environ.get('ZERODOWN_GENERATION')}\n".encode())
    client.close()


def accept(listener):
    listener.settimeout(None)
    while True:
        answer(listener)


def select_():
    while True:
        for listener in select.select(listening, [], [])[0]:
            answer(listener)


def watch(poller, event):
    for listener in listening:
        poller.register(listener, event)
    while True:
        for fd, _ in poller.poll():
            answer(listening[fd - 3])


def threads():
    for listener in listening:
        threading.Thread(target=accept, args=[listener]).start()


def timeout():
    listening[0].settimeout(60)
    while True:
        answer(listening[0])


time.sleep(delay)
print("waits", time.monotonic_ns(), flush=True)
{
    "accept": lambda: accept(listening[0]),
    "threads": threads,
    "timeout": timeout,
    "select": select_,
    "poll": lambda: watch(select.poll(), select.POLLIN),
    "epoll": lambda: watch(select.epoll(), select.EPOLLIN),
    # An event loop that runs, and has nothing to do with the sockets.
    "never": lambda: select.epoll().poll(),
    # It looks for errors alone.
    "errors": lambda: watch(select.epoll(), 0),
    "fork": lambda: os.fork() and os.wait() or accept(listening[0]),
}[way]()
