import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { serve } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
const server = createServer((_request, response) => response.end(greeting));
const webSockets = new WeakMap();
new WebSocketServer({ server }).on("connection", (webSocket, request) => {
  webSockets.set(request.socket, webSocket);
  webSocket.on("message", message => webSocket.send(`${greeting}: ${message}`));
});

await serve(server, {
  listen: 8080,
  // 1012 says that the service restarts. The client connects again, to the new generation.
  goodbye: socket => webSockets.get(socket)?.close(1012),
});
