import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadPackageDefinition, Server, ServerCredentials } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { adopt, stopping } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
const { Greeter } = loadPackageDefinition(loadSync(fileURLToPath(new URL("greeter.proto", import.meta.url))));
const server = new Server();
server.addService(Greeter.service, {
  Hello: ({ request }, callback) => callback(null, { text: `${greeting}: ${request.text}` }),
  // A stream without an end ends at the stop, and its client calls again.
  async Watch(call) {
    for (let count = 1; !stopping.aborted && !call.cancelled; count++) {
      call.write({ text: `${greeting}: ${count}` });
      await sleep(50, undefined, { signal: stopping }).catch(() => {});
    }
    call.end();
  },
});

adopt();
server.bindAsync("0.0.0.0:8080", ServerCredentials.createInsecure(), error => {
  if (error) throw error;
});
