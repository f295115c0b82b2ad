import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { serve } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
const app = express();
app.use(express.json());
app.get("/", (_request, response) => response.send(greeting));
app.get("/slow", async (_request, response) => {
  await sleep(500);
  response.send(greeting);
});
app.post("/echo", (request, response) => response.send(`${greeting}, ${request.body.text.length} characters`));

await serve(createServer(app), { listen: 8080 });
