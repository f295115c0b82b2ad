async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        message = {"type": ""}
        while message["type"] != "lifespan.shutdown":
            message = await receive()
            await send({"type": message["type"] + ".complete"})
        return
    body = b"Hello\n"
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
