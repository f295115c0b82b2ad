// An app that is told to stop, with connections that clients keep: a test takes them from it, or fails to.

import { expect } from "@jest/globals";
import { type End, Party } from "./handover-party.js";
import { RawClient } from "./node-app.js";

export const END = { status: 0, signal: null };
export const OK = `const server = http.createServer((request, response) => {
  console.log("got " + request.url);
  const [, milliseconds] = request.url.split("?");
  if (milliseconds) setTimeout(() => response.end("late"), Number(milliseconds));
  else response.end("done");
})`;
export const DONE = /\r\n\r\n(?:done|late)$/;

/** An app, so many connections that it has answered on once, and the end of the one that takes its place. */
export async function start(count: number, program = OK, options = "{}") {
  const app = new Party(program, options);
  expect(await app.ready()).toBe(true);
  const clients = Array.from({ length: count }, () => new RawClient(app.port).get());
  for (const client of clients) {
    await client.until(DONE);
    client.text = "";
  }
  const end = app.introduce("GIVE");
  return { app, clients, end };
}

/** Resolves when it drains. */
export async function stop(app: Party): Promise<void> {
  app.signal("SIGINT");
  await app.output.next(/^told to stop$/);
}

/** Says that there is somebody who takes connections, and how many that one has. */
export function takes(end: End, open = 0): void {
  end.say(`TAKEN=0\nOPEN=${open}`);
}
