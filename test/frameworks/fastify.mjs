import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";
import { onStop, serve } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
// With Fastify's own 72 s an old generation would wait that long for clients that keep an idle connection.
const fastify = Fastify({ keepAliveTimeout: 5000 });
fastify.get("/", async () => greeting);
fastify.get("/slow", async () => {
  await sleep(500);
  return greeting;
});
fastify.post("/echo", async request => `${greeting}, ${request.body.text.length} characters`);
fastify.addHook("onClose", async () => console.log("no request needs the database any more"));

await fastify.ready();
const { closed } = await serve(fastify.server, { listen: 8080 });
// Fastify is closed only after the drain, because a closing Fastify answers 503.
onStop(() => closed.then(() => fastify.close()));
