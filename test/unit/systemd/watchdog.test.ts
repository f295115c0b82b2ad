import { describe, expect, test } from "@jest/globals";
import { watchdogTimeout } from "../../../src/systemd/as-service/watchdog.js";

describe("WATCHDOG_USEC and WATCHDOG_PID say", () => {
  test.each([
    ["nobody watches", {}, 0],
    ["the time", { WATCHDOG_USEC: "5000000", WATCHDOG_PID: "42" }, 5e6],
    ["the time, of whoever reads it", { WATCHDOG_USEC: "1" }, 1],
    ["another process is watched", { WATCHDOG_USEC: "5000000", WATCHDOG_PID: "41" }, 0],
    ["infinity", { WATCHDOG_USEC: "18446744073709551615" }, 0],
  ])("%s", (_, environment, expected) => {
    expect(watchdogTimeout(environment, 42)).toBe(expected);
  });

  test.each([
    [{ WATCHDOG_USEC: "" }, `WATCHDOG_USEC="" isn't a number of microseconds: no watchdog is served`],
    [{ WATCHDOG_USEC: "0" }, `WATCHDOG_USEC="0" isn't a number of microseconds: no watchdog is served`],
    [{ WATCHDOG_USEC: "-5" }, `WATCHDOG_USEC="-5" isn't a number of microseconds: no watchdog is served`],
    [{ WATCHDOG_USEC: "5", WATCHDOG_PID: "x" }, `WATCHDOG_PID="x" isn't a pid: no watchdog is served`],
  ])("garbage: %j", (environment, message) => {
    expect(() => watchdogTimeout(environment, 42)).toThrow(new RangeError(message));
  });
});
