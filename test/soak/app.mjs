// The app of the soak is test/apps/serve.mjs. Each generation also stores a descriptor, in place of the one before, and
// SIGUSR2 makes a process grow by 256 MiB.
import { openSync } from "node:fs";
import { native, SOCK_DGRAM } from "../../build/src/native/index.js";

const socket = native.connectUnix(SOCK_DGRAM, process.env.NOTIFY_SOCKET);
native.send(socket, "FDSTOREREMOVE=1\nFDNAME=soak", []);
// FDPOLL=0, because /dev/null is always ready and can't be polled.
native.send(socket, "FDSTORE=1\nFDNAME=soak\nFDPOLL=0", [openSync("/dev/null")]);

const leaked = [];
process.on("SIGUSR2", () => leaked.push(Buffer.alloc(2 ** 28, 1)));

await import("../apps/serve.mjs");
