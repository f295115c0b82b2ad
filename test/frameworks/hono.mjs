import { setTimeout as sleep } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { serve } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
const app = new Hono();
app.get("/", context => context.text(greeting));
app.get("/slow", async context => {
  await sleep(500);
  return context.text(greeting);
});
app.post("/echo", async context => {
  const { text } = await context.req.json();
  return context.text(`${greeting}, ${text.length} characters`);
});

await serve(createAdaptorServer(app), { listen: 8080 });
