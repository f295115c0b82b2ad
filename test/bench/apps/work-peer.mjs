// The app of the peers, with work to do. It takes its socket as app.mjs does, and ends as docs/examples/app.mjs.
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import net from "node:net";
import { answer, boot } from "./work.mjs";

const { HOST, LISTEN_FDS, NOTIFY_SOCKET, PORT, SERVER_STARTER_PORT } = process.env;
const IDLE_GRACE = 2000;

await boot();
let draining = false;
const server = createServer((_request, response) => {
  if (draining) response.setHeader("Connection", "close");
  answer(response);
});

function target() {
  if (LISTEN_FDS) return { fd: 3 };
  if (SERVER_STARTER_PORT) return { fd: Number(SERVER_STARTER_PORT.split("=")[1]) };
  return { host: HOST, port: Number(PORT) };
}

server.listen(target(), () => {
  process.send?.("ready");
  if (NOTIFY_SOCKET) execFileSync("systemd-notify", ["--ready"]);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (draining) return;
    draining = true;
    net.Server.prototype.close.call(server, () => process.exit(0));
    setTimeout(() => server.closeIdleConnections(), IDLE_GRACE);
  });
}
