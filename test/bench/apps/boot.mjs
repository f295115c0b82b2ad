// Loaded before the app (node --import): what an app takes to boot, be it to read its code or to connect to a database.
import { setTimeout as sleep } from "node:timers/promises";

await sleep(300);
