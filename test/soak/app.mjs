// The app of the soak is test/apps/serve.mjs. Each generation also stores a descriptor, in place of the one before.
import { openSync } from "node:fs";
import { native, SOCK_DGRAM } from "../../build/src/native/index.js";

const socket = native.connectUnix(SOCK_DGRAM, process.env.NOTIFY_SOCKET);
native.send(socket, "FDSTOREREMOVE=1\nFDNAME=soak", []);
// FDPOLL=0, because /dev/null is always ready and can't be polled.
native.send(socket, "FDSTORE=1\nFDNAME=soak\nFDPOLL=0", [openSync("/dev/null")]);

await import("../apps/serve.mjs");
