// Descriptors that generations store outlive them, and the supervisor, under a real systemd.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { loopback } from "../support/http-load.js";
import { closeClients, LineClient } from "../support/line-client.js";
import { Puppet } from "../support/puppet.js";
import { ROOT, ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(async () => {
  closeClients();
  await removeUnits();
});

/** The example application that counts lines, with a socket, and a store that holds that many. */
async function startCounter(max = 10, outerMax = max) {
  const address = loopback();
  const unit = installApp({
    command: directory => `/usr/bin/python3 ${directory}/app.py`,
    // Before systemd 254 there is no $FDSTORE.
    options: `--fdstore-max ${max} --stop-timeout 20s`,
    service: [`FileDescriptorStoreMax=${outerMax}`, "RestartSec=100ms"],
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`, "FileDescriptorName=web"],
  });
  copyFileSync(`${ROOT}docs/examples/handover.py`, `${unit.directory}/app.py`);
  await unit.start();
  const stored = async () => Number(await unit.property("NFileDescriptorStore"));
  /** Until that generation has ended: as long as it drains, it still answers clients that both have. */
  const replace = async (generation: number) => {
    const from = unit.log.lines.length;
    await unit.reload();
    await unit.log.next(new RegExp(`generation ${generation} .* drained and exited with status 0`), from);
  };
  return { unit, stored, replace, connect: () => new LineClient(address) };
}

/** Kills the supervisor, and resolves when systemd has started the next one and its generation 1 serves. */
async function killSupervisor(unit: TestUnit): Promise<void> {
  const changes = await unit.follow();
  process.kill(await unit.mainPid(), "SIGKILL");
  await changes.next(/^NRestarts=/);
  await changes.next(/^ActiveState=active$/);
}

/** Returns the names that the next generation gets: "client-1", "counter" … */
function storedNames(unit: TestUnit): string[] {
  const status = execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" });
  const { sockets } = JSON.parse(status) as { sockets: { name: string; stored: boolean }[] };
  return sockets
    .filter(({ stored }) => stored)
    .map(({ name }) => name)
    .sort();
}

describe("the counter and its clients", () => {
  test("survive reloads: no connection is closed, no number is lost or given twice", async () => {
    const { connect, replace } = await startCounter();
    const clients = [connect(), connect(), connect()];
    let count = 0;
    for (let generation = 1; generation <= 4; generation++) {
      for (const client of clients) expect(await client.ask()).toBe(`${++count} from generation ${generation}`);
      // Half a line is in nobody's hands.
      clients[0]!.send("half a ");
      await replace(generation);
    }
  });

  test("are not noticed by a reload that fails", async () => {
    const { unit, connect, replace } = await startCounter();
    const client = connect();
    expect(await client.ask()).toBe("1 from generation 1");
    // The next generation fails when it has opened all that it was passed.
    const app = `${unit.directory}/app.py`;
    writeFileSync(app, readFileSync(app, "utf8").replace('notify("READY=1")', "sys.exit(3)"));
    expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
    expect(await client.ask()).toBe("2 from generation 1");
    copyFileSync(`${ROOT}docs/examples/handover.py`, app);
    await replace(1);
    expect(await client.ask()).toBe("3 from generation 3");
  });

  test("are not harmed by one of them that resets its connection in the middle of its answers", async () => {
    const { unit, connect } = await startCounter();
    const [good, bad] = [connect(), connect()];
    await bad.ask();
    bad.send("line\n".repeat(5000));
    bad.reset();
    for (let count = 0; count < 10; count++) expect(await good.ask()).toMatch(/ from generation 1$/);
    expect(unit.log.matching(/crash|killed/)).toEqual([]);
  });

  test("survive a crash of the generation that has them", async () => {
    const { unit, connect } = await startCounter();
    const client = connect();
    await client.ask();
    process.kill(await unit.serving(1), "SIGKILL");
    expect(await client.ask()).toBe("2 from generation 2");
  });

  test("survive SIGKILL of the supervisor: systemd gives them to the next one, and there is no duplicate", async () => {
    const { unit, connect, stored } = await startCounter();
    const [first, second] = [connect(), connect()];
    await first.ask();
    await second.ask();
    await eventually(async () => expect(await stored()).toBe(3));
    for (let round = 1; round <= 3; round++) {
      await killSupervisor(unit);
      expect(await first.ask()).toBe(`${2 * round + 1} from generation 1`);
      expect(await second.ask()).toBe(`${2 * round + 2} from generation 1`);
      expect(await stored()).toBe(3);
      expect(storedNames(unit)).toEqual(["client-1", "client-2", "counter"]);
    }
    expect(await unit.property("NRestarts")).toBe("3");
  });

  test("survive systemctl restart, and a reload after that", async () => {
    const { unit, connect, stored, replace } = await startCounter();
    const client = connect();
    await client.ask();
    await unit.must("restart", unit.service);
    expect(await client.ask()).toBe("2 from generation 1");
    await replace(1);
    expect(await client.ask()).toBe("3 from generation 2");
    expect(await stored()).toBe(2);
  });

  test("are gone from both stores when the client goes, whichever supervisor stored them", async () => {
    const { unit, connect, stored } = await startCounter();
    const [staying, going] = [connect(), connect()];
    await staying.ask();
    await going.ask();
    await eventually(async () => expect(await stored()).toBe(3));
    await killSupervisor(unit);
    await going.ask();
    going.close();
    await eventually(async () => expect(await stored()).toBe(2));
    expect(storedNames(unit)).toEqual(["client-1", "counter"]);
    expect(await staying.ask()).toBe("4 from generation 1");
  });

  test("that systemd has no room for survive reloads all the same", async () => {
    const { connect, stored, replace } = await startCounter(10, 1);
    const client = connect();
    await client.ask();
    await replace(1);
    expect(await client.ask()).toBe("2 from generation 2");
    expect(await stored()).toBe(1);
  });
});

describe("a generation", () => {
  async function start(options = "--fdstore-max 4", ...service: string[]) {
    const puppet = new Puppet({ options, service: ["FileDescriptorStoreMax=4", "RestartSec=100ms", ...service] });
    await puppet.unit.start();
    return puppet;
  }

  test("gets what was stored after its sockets, by number and name, and $FDSTORE", async () => {
    const puppet = await start();
    await puppet.send("FDSTORE=1\nFDNAME=two words", "memfd");
    await puppet.send("FDSTORE=1", "eventfd");
    await puppet.unit.reload();
    const [socket, first, second, ...more] = await puppet.describe(2);
    expect(socket).toMatch(/^3 test\w+ socket:/);
    expect([first, second, ...more]).toEqual([
      "4 two words /memfd:puppet (deleted)",
      "5 stored anon_inode:[eventfd]",
      "FDSTORE=4",
    ]);
    await puppet.send("FDSTOREREMOVE=1\nFDNAME=two words", undefined, 2);
    await puppet.unit.reload();
    expect(await puppet.describe(3)).toEqual([socket, "4 stored anon_inode:[eventfd]", "FDSTORE=4"]);
  });

  test("may wait with a barrier until what it stored is not lost with the supervisor", async () => {
    const puppet = await start();
    await puppet.send("FDSTORE=1\nFDNAME=kept", "memfd"); // With its barrier.
    await killSupervisor(puppet.unit);
    expect(await puppet.describe(1)).toContainEqual("4 kept /memfd:puppet (deleted)");
  });

  test("may store one file once, whatever it calls it, and systemd has it once", async () => {
    const puppet = await start();
    await puppet.send("FDSTORE=1\nFDNAME=a", "memfd");
    await puppet.send("FDSTORE=1\nFDNAME=b", "same memfd");
    await puppet.unit.reload();
    // The generation stores again what it got, as services do at their start.
    await puppet.send("FDSTORE=1\nFDNAME=c", "4", 2);
    expect(storedNames(puppet.unit)).toEqual(["a"]);
    expect(await puppet.unit.property("NFileDescriptorStore")).toBe("1");
  });

  test("that stores its sockets gets each once, be it systemd's or --listen's, and systemd has none to give back", async () => {
    const { host, port } = loopback();
    const puppet = await start(`--fdstore-max 4 --listen web=${host}:${port}`);
    await puppet.send("FDSTORE=1\nFDNAME=test", "3");
    await puppet.send("FDSTORE=1\nFDNAME=web", "4");
    await puppet.unit.reload();
    const sockets = [expect.stringMatching(/^3 test\w+ socket:/), expect.stringMatching(/^4 web socket:/), "FDSTORE=4"];
    expect(await puppet.describe(2)).toEqual(sockets);
    // With one of its own back, it couldn't bind that address.
    await killSupervisor(puppet.unit);
    expect(await puppet.describe(1)).toEqual(sockets);
  });

  test("that stores more than there is room for is told once, and goes on serving with what fits", async () => {
    const puppet = await start();
    for (let count = 0; count < 7; count++) await puppet.send(`FDSTORE=1\nFDNAME=n${count}`, "memfd");
    expect(puppet.unit.log.matching(/not all is stored/)).toEqual([
      expect.stringMatching(/generation 1 \(pid \d+\): not all is stored: the store is full \(--fdstore-max 4\)$/),
    ]);
    expect(storedNames(puppet.unit)).toEqual(["n0", "n1", "n2", "n3"]);
  });

  test("is refused an epoll instance, which would keep the next supervisor from starting", async () => {
    const puppet = await start();
    await puppet.send("FDSTORE=1\nFDNAME=loop", "epoll");
    await puppet.unit.log.next(/"loop" is not stored: an epoll instance can't be passed on$/);
    await killSupervisor(puppet.unit);
  });

  test("may send 1,000 in a burst, removed again: nothing is left open, in either store", async () => {
    const puppet = await start();
    const main = await puppet.unit.mainPid();
    const openFds = () => execFileSync("ls", [`/proc/${main}/fd`], { encoding: "utf8" }).split("\n").length;
    const before = openFds();
    await puppet.run("burst 1000");
    expect(openFds()).toBe(before);
    expect(storedNames(puppet.unit)).toEqual([]);
    await eventually(async () => expect(await puppet.unit.property("NFileDescriptorStore")).toBe("0"));
    await puppet.unit.reload();
    await puppet.unit.serving(2);
  });

  test.each([
    ["a:b", "a:b"],
    ["tab\there", "tab here"],
    ["x".repeat(256), "x".repeat(256)],
  ])("that gives the name %j is told what is wrong, and the descriptor gets the usual name", async (name, shown) => {
    const puppet = await start();
    await puppet.send(`FDSTORE=1\nFDNAME=${name}`, "memfd");
    expect(await puppet.unit.log.next(/FDNAME=/)).toContain(`FDNAME=${shown} isn't a name (up to 255 ASCII characters`);
    expect(storedNames(puppet.unit)).toEqual(["stored"]);
  });

  test("that hung up is forgotten; with FDPOLL=0 it is not", async () => {
    const puppet = await start();
    await puppet.send("FDSTORE=1\nFDNAME=dropped", "socketpair, one end closed");
    await puppet.send("FDSTORE=1\nFDNAME=kept\nFDPOLL=0", "socketpair, one end closed");
    await eventually(() => expect(storedNames(puppet.unit)).toEqual(["kept"]));
    expect(await puppet.unit.property("NFileDescriptorStore")).toBe("1");
  });
});

test("where neither says how much may be stored nothing is, and that is told", async () => {
  const puppet = new Puppet({});
  await puppet.unit.start();
  await puppet.send("FDSTORE=1", "memfd");
  await puppet.unit.log.next(/nothing is stored: --fdstore-max, else \$FDSTORE, says how much may be$/);
  expect(existsSync(`/proc/${await puppet.unit.mainPid()}`)).toBe(true);
});

test("systemd's FileDescriptorStoreMax= is enough where systemd tells of it", async () => {
  const puppet = new Puppet({ service: ["FileDescriptorStoreMax=2"] });
  await puppet.unit.start();
  const tells = (await puppet.describe(1)).includes("FDSTORE=2");
  const version = execFileSync("systemctl", ["--version"], { encoding: "utf8" });
  expect(tells).toBe(Number(/^systemd (\d+)/.exec(version)![1]) >= 254);
});
