// serve() where no socket was passed: which addresses it takes, and several processes on one port.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { canSharePort } from "../../../src/library/listen-itself.js";
import { ask, loopback } from "../../support/http-load.js";
import { killApps, NodeApp } from "../../support/node-app.js";

afterEach(killApps);

const END = { status: 0, signal: null };

/** Serves there. Returns the server's address, or the error. */
async function listening(listen: string, env?: NodeJS.ProcessEnv): Promise<unknown> {
  const app = new NodeApp(
    `const { address } = await serve(net.createServer(), ${listen}); console.log(JSON.stringify(address)); process.exit();`,
    env,
  );
  const { status } = await app.ended;
  return status === 0 ? JSON.parse(app.output.lines[0]!) : app.errors.matching(/^\w*Error(?: \[\w+\])?: /)[0];
}

describe("listen takes", () => {
  const port = expect.any(Number);
  test.each([
    ["127.0.0.1:0", { address: "127.0.0.1", port, family: "IPv4" }],
    ["[::1]:0", { address: "::1", port, family: "IPv6" }],
    ["0", { address: "::", port, family: "IPv6" }],
    ["@zerodown-test-api", "\0zerodown-test-api"],
    ["localhost:0", { address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/), port, family: expect.any(String) }],
  ])("%s", async (listen, expected) => {
    expect(await listening(`{ listen: "${listen}" }`)).toEqual(expected);
    expect(await listening("{}", { PORT: listen })).toEqual(expected);
  });
});

describe("listen refuses", () => {
  const TAKEN = "(8080, localhost:8080, 127.0.0.1:8080, [::1]:8080, /run/a.sock, @name)";
  test.each([
    ["'app.sock'", `"app.sock" isn't an address ${TAKEN}`],
    ["'localhost'", `"localhost" isn't an address ${TAKEN}`],
    ["'localhost:'", `"localhost:" isn't an address ${TAKEN}`],
    ["'localhost:http'", `"localhost:http" isn't an address ${TAKEN}`],
    ["'http://localhost:8080'", `"http://localhost:8080" isn't an address ${TAKEN}`],
    ["'::1:8080'", `"::1:8080" isn't an address ${TAKEN}`],
    ["'256.0.0.1:8080'", `"256.0.0.1:8080" isn't an address ${TAKEN}`],
    ["'127.0.0.1:65536'", '"127.0.0.1:65536": a port is at most 65535'],
    ["'localhost:65536'", "options.port should be >= 0 and < 65536. Received type number (65536)."],
    ["65536", "options.port should be >= 0 and < 65536. Received type number (65536)."],
    ["''", `"" isn't an address ${TAKEN}`],
  ])("%s", async (listen, why) => {
    expect(await listening(`{ listen: ${listen} }`)).toBe(`RangeError: serve(): listen: ${why}`);
  });

  test("a $PORT that is none", async () => {
    const error = `RangeError: serve(): $PORT: "tcp://a:80" isn't an address ${TAKEN}`;
    expect(await listening("{}", { PORT: "tcp://a:80" })).toBe(error);
  });

  test("a name that nobody knows, in Node's own words", async () => {
    expect(await listening('{ listen: "nowhere.invalid:8080" }')).toMatch(
      /^Error(?: \[\w+\])?: getaddrinfo (?:ENOTFOUND|EAI_AGAIN) nowhere\.invalid$/,
    );
  });
});

describe("reusePort", () => {
  const CHILD = { ZERODOWN_GENERATION: "1" };
  const program = (text: string, { host, port }: { host: string; port: number }) => `
await serve(http.createServer((_, response) => response.end("${text}")), { listen: "${host}:${port}", reusePort: true });
console.log("serving");`;

  test.each([
    ["20.20.2", false],
    ["22.11.0", false],
    ["22.12.0", true],
    ["23.0.0", false],
    ["23.1.0", true],
    ["24.0.0", true],
  ])("is known to Node %s: %s", (version, expected) => {
    expect(canSharePort(version)).toBe(expected);
  });

  if (canSharePort(process.versions.node)) {
    test("lets the next process listen before this one stops, and says what a reload costs", async () => {
      const address = loopback();
      const old = new NodeApp(program("old", address), CHILD);
      await old.output.next(/^serving$/);
      const next = new NodeApp(program("next", address), CHILD);
      await next.output.next(/^serving$/);
      old.signal("SIGINT");
      expect(await old.ended).toEqual(END);
      expect(await ask(address)).toBe("next");
      next.signal("SIGINT");
      expect(await next.ended).toEqual(END);
      const loss = /^zerodown: with reusePort a reload loses the clients .* net\.ipv4\.tcp_migrate_req=1/;
      const isMigrating = readFileSync("/proc/sys/net/ipv4/tcp_migrate_req", "utf8").trim() === "1";
      expect(old.errors.matching(/./)).toEqual(isMigrating ? [] : [expect.stringMatching(loss)]);
    });

    test("takes no path", async () => {
      expect(await listening('{ listen: "@zerodown-test-shared", reusePort: true }')).toBe(
        'RangeError: serve(): listen: "@zerodown-test-shared" is a path, and with reusePort it must be a port',
      );
    });
  } else {
    test("is refused by a Node that would ignore it", async () => {
      expect(await listening("{ listen: 0, reusePort: true }")).toBe(
        `Error: serve(): { reusePort: true } takes Node 22.12, 23.1 or later, and this is ${process.versions.node}: ` +
          "let zerodown bind, by --listen or a .socket unit, and no generation needs it",
      );
    });
  }

  test("isn't needed, and does nothing, where a socket was passed", async () => {
    const { host, port } = loopback();
    const app = new NodeApp(`init({ listen: ["${host}:${port}"] });${program("passed", { host, port })}`);
    await app.errors.next(/serving/);
    expect(await ask({ host, port })).toBe("passed");
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
  });
});
