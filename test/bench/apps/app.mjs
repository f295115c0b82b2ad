// The app of the peers takes its socket as each of them gives it, and says that it is ready in each one's way.
//
// With DRAIN=close it ends by server.close(), Node's own end of a server; with DRAIN=example as docs/examples/app.mjs does.
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import net from "node:net";

const { DRAIN, HOST, LISTEN_FDS, NOTIFY_SOCKET, PORT, SERVER_STARTER_PORT } = process.env;
const IDLE_GRACE = 2000;

let draining = false;
const server = createServer((_request, response) => {
  if (draining) response.setHeader("Connection", "close");
  response.end(`Hello from pid ${process.pid}\n`);
});

function target() {
  if (LISTEN_FDS) return { fd: 3 };
  if (SERVER_STARTER_PORT) return { fd: Number(SERVER_STARTER_PORT.split("=")[1]) };
  return { host: HOST, port: Number(PORT) };
}

server.listen(target(), () => {
  // pm2 waits for this (wait_ready).
  process.send?.("ready");
  if (NOTIFY_SOCKET) execFileSync("systemd-notify", ["--ready"]);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (draining) return;
    if (DRAIN === "close") return server.close(() => process.exit(0));
    draining = true;
    net.Server.prototype.close.call(server, () => process.exit(0));
    setTimeout(() => server.closeIdleConnections(), IDLE_GRACE);
  });
}
