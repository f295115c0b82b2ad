import { describe, expect, test } from "@jest/globals";
import { parseAddress, parseListen } from "../../../src/linux/sockets/address.js";

const inet6 = (host: string, port: number, interfaceName = "") => ({
  family: "inet6",
  host,
  interface: interfaceName,
  port,
});
const inet = (host: string, port: number) => ({ family: "inet", host, interface: "", port });

describe("parseAddress", () => {
  test.each([
    ["8080", inet6("::", 8080)],
    ["65535", inet6("::", 65535)],
    ["127.0.0.1:8080", inet("127.0.0.1", 8080)],
    ["0.0.0.0:1", inet("0.0.0.0", 1)],
    ["[::1]:8080", inet6("::1", 8080)],
    ["[::]:80", inet6("::", 80)],
    ["[fe80::1]:8080%eth0", inet6("fe80::1", 8080, "eth0")],
    ["/run/a.sock", { family: "unix", name: "/run/a.sock" }],
    ["/run/a=b c.sock", { family: "unix", name: "/run/a=b c.sock" }],
    ["@abstract", { family: "unix", name: "@abstract" }],
  ])("%j is an address", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  test.each([
    "",
    "/",
    "@",
    "localhost:8080",
    "127.0.0.1",
    "127.0.0.1:",
    "1.2.3:80",
    "1.2.3.256:80",
    "::1:8080",
    "[::1]",
    "[::1]:",
    "[127.0.0.1]:80",
    "[fe80::1%eth0]:80",
    "[::1]:80%",
    "-1",
    "80 ",
    "8o8o",
    "./a.sock",
  ])("%j is none, and the error says so and what one is", text => {
    expect(() => parseAddress(text)).toThrow(
      new RangeError(`"${text}" isn't an address (8080, 127.0.0.1:8080, [::1]:8080, /run/a.sock, @name)`),
    );
  });

  test.each(["65536", "127.0.0.1:65536", "[::1]:99999999999999999999"])("the port of %j is too high", text => {
    expect(() => parseAddress(text)).toThrow(new RangeError(`"${text}": a port is at most 65535`));
  });

  test("a socket's name with a NUL byte is refused", () => {
    expect(() => parseAddress("/run/a\0b")).toThrow(RangeError);
  });
});

describe("parseListen", () => {
  test.each([
    ["8080", undefined, "8080"],
    ["web=8080", "web", "8080"],
    ["my web.1=[::1]:80", "my web.1", "[::1]:80"],
    ["a=/run/x=y", "a", "/run/x=y"],
    ["/run/x=y", undefined, "/run/x=y"],
    ["@x=y", undefined, "@x=y"],
    [`${"n".repeat(255)}=80`, "n".repeat(255), "80"],
  ])("%j has its name and its address", (text, name, address) => {
    expect(parseListen("stream", text)).toEqual({
      type: "stream",
      name,
      address: parseAddress(address),
      text: address,
    });
  });

  test("its type is the one asked for", () => {
    expect(parseListen("seqpacket", "@a").type).toBe("seqpacket");
  });

  test.each(["", "a:b", "a\tb", "a\u007f", "caf\u00e9", "n".repeat(256)])("%j isn't a name", name => {
    expect(() => parseListen("stream", `${name}=8080`)).toThrow(
      new RangeError(
        `"${name}" isn't a name for a socket (1 to 255 ASCII characters, no ":" and no control characters)`,
      ),
    );
  });

  test("a name makes no address of what is none", () => {
    expect(() => parseListen("stream", "web=nowhere")).toThrow(`"nowhere" isn't an address`);
  });
});
