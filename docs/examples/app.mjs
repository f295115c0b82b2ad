// An HTTP server that loses no request when Zerodown swaps it: it takes the socket it is given, says when it is ready,
// and drains when it is told to stop.
import { execFileSync } from "node:child_process";
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import net from "node:net";

const GREETING = "Hello";
/** How long an idle keep-alive connection may still bring a request, ms. */
const IDLE_GRACE = Number(process.env.IDLE_GRACE ?? 2000);
const {
  LISTEN_FDS,
  LISTEN_PID,
  NOTIFY_SOCKET,
  PORT = "8080",
  ZERODOWN_GENERATION = "0",
  ZERODOWN_READY_FD,
} = process.env;

let draining = false;
const server = createServer((_request, response) => {
  if (draining) response.setHeader("Connection", "close");
  response.end(`${GREETING} from generation ${ZERODOWN_GENERATION}, pid ${process.pid}\n`);
});

const isPassed = Number(LISTEN_FDS) > 0 && LISTEN_PID === String(process.pid);
// The socket's queue is everybody's: Node's own 511 would shorten it. The kernel takes net.core.somaxconn at most.
server.listen(isPassed ? { fd: 3 } : { port: Number(PORT) }, 0x7fffffff, () => {
  if (ZERODOWN_READY_FD) writeSync(Number(ZERODOWN_READY_FD), "\n");
  else if (NOTIFY_SOCKET) execFileSync("systemd-notify", ["--ready", "--status=greeting"]);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (draining) return;
    draining = true;
    // Node's own http close() would cut idle keep-alive connections at once, with requests on their way to them.
    net.Server.prototype.close.call(server, () => process.exit(0));
    // (This cuts off what a slow client has not read of a large response by then. The library's drain does not.)
    setTimeout(() => server.closeIdleConnections(), IDLE_GRACE);
  });
}
