import { createServer } from "node:http";
import next from "next";
import { serve } from "zerodown";

const app = next({});
await app.prepare();
await serve(createServer(app.getRequestHandler()), { listen: 8080 });
