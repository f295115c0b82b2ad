// The app on the library, with work to do.
import { createServer } from "node:http";
import { serve } from "zerodown";
import { answer, boot } from "./work.mjs";

await boot();
await serve(createServer((_request, response) => answer(response)));
