// Prints the package.json that is published: what an installed package needs of ours, and nothing of how it is built.
//
// sd-notify becomes an optional peer: npm leaves it to whoever wants it. As an optional dependency npm would fetch it, wait
// nearly three minutes for it where there is no network, and run its install script, which compiles.

import { readFileSync } from "node:fs";

const all = JSON.parse(readFileSync("package.json", "utf8"));
const { name, version, description, license, type, engines, bin, man, exports } = all;
const peers = all.optionalDependencies;
const optional = Object.fromEntries(Object.keys(peers).map(peer => [peer, { optional: true }]));
const published = { peerDependencies: peers, peerDependenciesMeta: optional };
const manifest = { name, version, description, license, type, engines, bin, man, exports, ...published };
process.stdout.write(`${JSON.stringify(manifest, null, 2)}\n`);
