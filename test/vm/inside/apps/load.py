# load.py PORT: asks http://localhost:PORT/ until SIGTERM, and prints how many requests were answered and how many lost. One
# client keeps its connection for as long as the server does, another makes one for each request. Nothing is retried.
import http.client
import signal
import sys
import threading
import time

PORT = int(sys.argv[1])
over = threading.Event()
answered, lost = [], []


def ask(connection):
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        text = response.read()
        (answered if response.status == 200 and text else lost).append(text)
        if len(answered) == 1:
            print("first answer", flush=True)
    except (OSError, http.client.HTTPException) as error:
        lost.append(error)
        print(f"lost after {len(answered)} answers: {error!r}", flush=True)
        connection.close()


def client(keeps):
    connection = http.client.HTTPConnection("localhost", PORT, timeout=120)
    while not over.is_set():
        ask(connection)
        if not keeps:
            connection.close()
        time.sleep(0.05)


signal.signal(signal.SIGTERM, lambda *_: over.set())
clients = [threading.Thread(target=client, args=[keeps]) for keeps in (True, False)]
for thread in clients:
    thread.start()
# wait() without a limit would keep a signal from its handler.
while not over.wait(0.2):
    pass
for thread in clients:
    thread.join()
print(f"{len(answered)} answered, {len(lost)} lost", flush=True)
