# The app in Python, for gunicorn: see work.mjs.
import hashlib
import os
import threading
import time


def burn(iterations):
    hashlib.pbkdf2_hmac("sha256", b"work", b"salt", iterations)


if os.environ.get("BOOT_WORK"):
    arguments = (int(os.environ["BOOT_WORK"]),)
    threads = [threading.Thread(target=burn, args=arguments) for _ in range(int(os.environ["BOOT_THREADS"]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    time.sleep(0.3)
# Who asks for the reload looks here whether it has booted.
if os.environ.get("BOOTED"):
    open(f"{os.environ['BOOTED']}/{os.getpid()}", "w").close()

work = int(os.environ["WORK"])


def app(environ, start_response):
    burn(work)
    body = f"Hello from pid {os.getpid()}\n".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
