// The library that a Node app imports.

export { adopt } from "./adopt.js";
export { type InitOptions, init } from "./init.js";
export type { Logger } from "./logger.js";
export { startupFinished } from "./ready.js";
export { RestartError, restart } from "./restart.js";
export { isChild, isParent } from "./role.js";
export { type Served, type ServeOptions, serve } from "./serve.js";
export { onStop, stopping } from "./stop.js";
export { type ListenFdsOptions, listenFds, type PassedFd } from "./systemd-socket.js";
export type { WarmOptions } from "./warm.js";
