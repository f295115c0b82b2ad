import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Server } from "socket.io";
import { onStop, serve } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
const server = createServer((_request, response) => response.end(greeting));
const io = new Server(server);
io.on("connection", socket => {
  socket.on("hello", (text, answer) => answer(`${greeting}: ${text}`));
});

// The sessions below Socket.IO, and the connection of each that has a WebSocket.
const sessions = new Map();
const webSockets = new WeakMap();
io.engine.on("connection", session => {
  sessions.set(session.id, session);
  session.once("close", () => sessions.delete(session.id));
  webSockets.set(session.request.socket, session);
});
// One that began by polling goes over to a WebSocket.
io.engine.use((request, _response, next) => {
  const session = sessions.get(request._query.sid);
  if (session && request.headers.upgrade) webSockets.set(request.socket, session);
  next();
});

const goodbyeSpread = 2000;
await serve(server, { listen: 8080, goodbyeSpread, goodbye: socket => webSockets.get(socket)?.close() });
// A session that polls lives in this process alone. It ends now, so that its client begins another one in the new process.
onStop(async () => {
  const polling = [...sessions.values()].filter(({ transport }) => transport.name === "polling");
  for (const session of polling) {
    session.close();
    await sleep(goodbyeSpread / polling.length);
  }
});
