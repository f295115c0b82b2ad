// The watchdog of the service manager: sd_watchdog_enabled(3).

/**
 * How often the process with this pid must say WATCHDOG=1.
 *
 * @param environment WATCHDOG_USEC and WATCHDOG_PID are read
 * @returns µs; 0 when nobody watches it
 * @throws {RangeError} when the variables are garbled
 */
export function watchdogTimeout({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv, pid: number): number {
  if (WATCHDOG_USEC === undefined) return 0;
  if (WATCHDOG_PID !== undefined && !/^\d+$/.test(WATCHDOG_PID)) {
    throw new RangeError(`WATCHDOG_PID="${WATCHDOG_PID}" isn't a pid: no watchdog is served`);
  }
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== pid) return 0;
  if (!/^\d+$/.test(WATCHDOG_USEC) || Number(WATCHDOG_USEC) === 0) {
    throw new RangeError(`WATCHDOG_USEC="${WATCHDOG_USEC}" isn't a number of microseconds: no watchdog is served`);
  }
  // 2⁶⁴ − 1 is systemd's infinity.
  return Number(WATCHDOG_USEC) >= 2 ** 64 - 1 ? 0 : Number(WATCHDOG_USEC);
}
