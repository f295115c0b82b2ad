// The reload that README shows as a picture: docs/watched-reload.svg. Called as a program, this draws it again:
//
//   node build/test/support/watched-reload.js >docs/watched-reload.svg

import { pathToFileURL } from "node:url";
import { typed } from "./readme-session.js";
import { COLUMNS, draw } from "./terminal-picture.js";

/** An app that takes a while to load, and whose answers take a while; a client that always waits for some. */
const APP = `
cat >/srv/app/server.js <<'CODE'
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { serve } from "zerodown";

await setTimeout(800);
const server = createServer(async (_, response) => {
  await setTimeout(1200);
  response.end();
});
await serve(server);
CODE
{
  zerodown unit app --install --listen 8080 --workers 3 --surge 1 -- /usr/bin/node /srv/app/server.js
  systemctl daemon-reload
  systemctl enable --now app.socket app.service
} >/dev/null 2>&1
for client in 1 2 3 4 5 6 7 8 9; do
  while :; do curl localhost:8080 || sleep 0.1; done >/dev/null 2>&1 &
done
clients=$(jobs -p)
`;

const WATCH = "zerodown status --watch app";

/**
 * Somebody watches, reloads the service on another terminal, and presses Ctrl-C when that is over. What was drawn last stays
 * on the terminal, and is what the picture shows.
 */
const WATCHED = `
watched() {
  {
    sleep 1
    systemctl reload app
    while zerodown status app | grep --quiet ' draining '; do sleep 0.2; done
    sleep 1
    printf '\\003'
  } | script --quiet --return --command 'stty rows 60 cols ${COLUMNS}; exec ${WATCH}' /dev/null >/tmp/terminal 2>&1
  sed '1,/\\x1b\\[?1049l/ { /\\x1b\\[?1049l/!d; s/.*\\x1b\\[?1049l// }' /tmp/terminal | tr -d '\\r'
}
`;

/** Returns the lines that the terminal shows, with their colours. */
export function watchReload(): string[] {
  const [, ...lines] = typed("watched\nkill $clients", APP + WATCHED);
  const end = lines.findIndex(line => line.startsWith("$ "));
  return [`$ ${WATCH}`, ...lines.slice(0, end)];
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  process.stdout.write(
    draw(watchReload().join("\n"), "A reload of three workers, one after the other, as status --watch draws it"),
  );
}
