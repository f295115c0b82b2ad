// Asks servers over and over, addresses HOST:PORT, until SIGTERM; then it prints of each how many requests there were, how many
// were lost, and why the first was.
import { HttpLoad } from "../support/http-load.js";

const loads = process.argv.slice(2).map(address => {
  const [host, port] = address.split(":");
  return {
    address,
    load: new HttpLoad({ host: host!, port: Number(port) }, { clients: 2, keepAlive: true, pause: 20 }),
  };
});
console.log("asks");
await new Promise(resolve => process.once("SIGTERM", resolve));
for (const { address, load } of loads) {
  await load.stop();
  const [first = ""] = load.failures;
  console.log(
    `${address}: ${load.requests > 0 ? "some" : "no"} requests, ${load.failures.length} lost ${first}`.trim(),
  );
}
