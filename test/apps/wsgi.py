"""A WSGI app that says who answers: for gunicorn, which knows nothing of Zerodown."""
import os


def application(environ, start_response):
    body = "generation {ZERODOWN_GENERATION}, worker {ZERODOWN_WORKER} of {ZERODOWN_WORKERS}\n".format(**os.environ)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body.encode()]
