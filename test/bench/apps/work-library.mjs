// The app on the library, with work to do.
import { createServer } from "node:http";
import { serve } from "zerodown";
import { answer, boot } from "./work.mjs";

const { WARM } = process.env;

await boot();
// A request takes so much CPU time that some are enough.
const options = WARM ? { warm: { paths: ["/"], times: Number(WARM) } } : {};
await serve(
  createServer((_request, response) => answer(response)),
  options,
);
