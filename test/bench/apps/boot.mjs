// Loaded before the app (node --import), this takes the time in which an app reads its code or connects to a database.
import { setTimeout as sleep } from "node:timers/promises";

await sleep(300);
