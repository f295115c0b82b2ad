import { closeSync } from "node:fs";
import { native } from "./index.js";

/**
 * Calls back for as long as a descriptor has hung up or has an error (see native.alarm()).
 *
 * @returns what ends that
 * @throws {NativeError} EPERM: it is a file that can't be polled
 */
export function watchAlarm(fd: number, callback: () => void): () => void {
  const alarm = native.alarm(fd);
  try {
    const unwatch = native.watch(alarm, false, callback);
    return () => {
      unwatch();
      closeSync(alarm);
    };
  } catch (error) {
    closeSync(alarm);
    throw error;
  }
}
