import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import Koa from "koa";
import { serve } from "zerodown";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;
const app = new Koa();
app.use(async context => {
  if (context.path === "/slow") await sleep(500);
  context.body = greeting;
  if (context.method === "POST") {
    const { text } = await json(context.req);
    context.body += `, ${text.length} characters`;
  }
});

await serve(createServer(app.callback()), { listen: 8080 });
