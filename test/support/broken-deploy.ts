// The deploy that README shows as a picture: docs/broken-deploy.svg. Called as a program, this draws it again:
//
//   node build/test/support/broken-deploy.js >docs/broken-deploy.svg

import { pathToFileURL } from "node:url";
import { SERVICE_INSTALLED, typed } from "./readme-session.js";
import { draw } from "./terminal-picture.js";

/** The new release imports a package that nobody has installed. */
const RELEASES = `
cp /srv/app/server.js /srv/app/server.js.old
(echo 'import pg from "pg";'; cat /srv/app/server.js) >/srv/app/server.js.new
cd /srv/app
`;

const COMMANDS = `
cp server.js.new server.js && systemctl reload app
curl localhost:8080
zerodown status app
zerodown logs app --generation 2 -- --output cat | grep Error
cp server.js.old server.js && zerodown reload app
`;

/** Returns the lines that the terminal shows. */
export function breakDeploy(): string[] {
  return typed(COMMANDS, SERVICE_INSTALLED + RELEASES);
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  process.stdout.write(draw(breakDeploy().join("\n"), "A deploy fails, and the old code serves on"));
}
