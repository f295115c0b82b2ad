// The example of the Go library's README, and of its example/main.go, in JavaScript.
//
//   node go-readme.mjs                                              then: kill -HUP, or ask for /restart
//   systemd-socket-activate --listen=8080 node go-readme.mjs        then: kill -USR2
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { init, restart, serve, startupFinished, stopping } from "zerodown";

// if zerodown.Init() { return }
//
// Here init() doesn't return at all where Init() would return true: that process is the supervisor from then on. It binds the
// socket that each process of ours gets (ExtraFiles), unless there is one from systemd.
init({
  listen: process.env.LISTEN_FDS ? [] : [process.env.PORT ?? "8080"],
  // systemd-socket-activate keeps SIGHUP for itself.
  reloadSignals: ["SIGHUP", "SIGUSR2"],
});

// Initialize your server: connect to a database …
const server = createServer(async (request, response) => {
  if (request.url === "/slow") {
    for (let seconds = 1; seconds <= 60 && !stopping.aborted; seconds++) {
      await sleep(1000);
      response.write(`Hello, ${seconds} seconds have passed since this request started. Have a nice day.\n`);
    }
    response.end();
  } else if (request.url === "/restart") {
    const answer = await restart().then(
      generation => `Restarted: generation ${generation} serves`,
      error => `Could not restart server: ${error.message}`,
    );
    response.end(`${answer}\n`);
  } else {
    response.end("Hello\n");
  }
});

// … and listen, on the passed socket. serve() also waits for a signal, and does listener.Close() and server.Shutdown().
await serve(server, { ready: false });

// zerodown.StartupFinished()
startupFinished();
