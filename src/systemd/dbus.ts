// systemd's manager over D-Bus: org.freedesktop.systemd1(5).

import type { EventEmitter } from "node:events";
import { type DBusError, Message, type MessageBus, sessionBus, systemBus, type Variant } from "dbus-next";

const NAME = "org.freedesktop.systemd1";
const PATH = "/org/freedesktop/systemd1";

export type Scope = "system" | "user";

/** The properties of a unit, of all its interfaces. Numbers of 64 bits are bigint. */
export type UnitProperties = Readonly<Record<string, unknown>>;

/** systemd, polkit or the bus refused a request. */
export class ManagerError extends Error {
  override name = "ManagerError";

  /** @param code the D-Bus error's name, or the errno's of a bus that can't be reached */
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }

  /** Polkit or the bus refused. */
  get isPermission(): boolean {
    return /AccessDenied|InteractiveAuthorizationRequired|EACCES|EPERM/.test(this.code);
  }
}

function open(scope: Scope, busAddress: string): MessageBus {
  try {
    return scope === "system" ? systemBus() : sessionBus({ busAddress });
  } catch (error) {
    // The library takes an address apart, and trusts that it is one.
    throw new ManagerError(`the ${scope} bus has no address that can be used: ${(error as Error).message}`, "");
  }
}

export class Manager {
  /** Rejects when the bus goes away: what was asked of it is never answered then. */
  readonly lost: Promise<never>;

  private constructor(
    private readonly bus: MessageBus,
    readonly scope: Scope,
  ) {
    this.lost = new Promise((_, reject) => {
      const lose = () => reject(new ManagerError(`the ${scope} bus went away`, ""));
      bus.on("error", lose);
      // The library keeps the end of the connection to itself.
      (bus as unknown as { _connection: EventEmitter })._connection.on("end", lose);
    });
    this.lost.catch(() => {});
  }

  /** @throws {ManagerError} when there is no bus */
  static async connect(scope: Scope): Promise<Manager> {
    const directory = process.env.XDG_RUNTIME_DIR || `/run/user/${process.geteuid!()}`;
    const address = process.env.DBUS_SESSION_BUS_ADDRESS || `unix:path=${directory}/bus`;
    const bus = open(scope, address);
    await new Promise<void>((resolve, reject) => {
      bus.once("connect", resolve);
      bus.once("error", (error: NodeJS.ErrnoException) => {
        reject(new ManagerError(`the ${scope} bus can't be reached: ${error.message}`, error.code ?? ""));
      });
    });
    return new Manager(bus, scope);
  }

  close(): void {
    this.bus.disconnect();
  }

  /** Loads the unit, and reads all that systemd knows of it. A unit that there is none of has LoadState not-found. */
  async unitProperties(unit: string): Promise<UnitProperties> {
    const [path] = await this.call(PATH, "Manager", "LoadUnit", "s", [unit]);
    const [properties] = await this.call(String(path), "org.freedesktop.DBus.Properties", "GetAll", "s", [""]);
    return Object.fromEntries(
      Object.entries(properties as Record<string, Variant>).map(([name, { value }]) => [name, value as unknown]),
    );
  }

  /** The names of all services that the manager has loaded. */
  async services(): Promise<string[]> {
    const [units] = await this.call(PATH, "Manager", "ListUnitsByPatterns", "asas", [[], ["*.service"]]);
    return (units as [string][]).map(([name]) => name);
  }

  /** The paths of the files of all services, loaded or not. */
  async serviceFiles(): Promise<string[]> {
    const [files] = await this.call(PATH, "Manager", "ListUnitFilesByPatterns", "asas", [[], ["*.service"]]);
    return (files as [string][]).map(([path]) => path);
  }

  /** A single property of a service. */
  async serviceProperty(unit: string, name: string): Promise<unknown> {
    const [path] = await this.call(PATH, "Manager", "LoadUnit", "s", [unit]);
    return this.property(String(path), "Service", name);
  }

  /** systemd's version, e.g. "252.38-1~deb12u1". */
  async version(): Promise<string> {
    return String(await this.property(PATH, "Manager", "Version"));
  }

  /** The environment that the manager starts services with: "NAME=value" each. */
  async environment(): Promise<string[]> {
    return (await this.property(PATH, "Manager", "Environment")) as string[];
  }

  private async property(path: string, iface: string, name: string): Promise<unknown> {
    const [variant] = await this.call(path, "org.freedesktop.DBus.Properties", "Get", "ss", [`${NAME}.${iface}`, name]);
    return (variant as Variant).value;
  }

  /**
   * Queues a reload, as `systemctl reload` does, and waits for the job.
   *
   * @returns the job's result: "done", "failed", "timeout", "canceled", …
   */
  async reloadUnit(unit: string): Promise<string> {
    await this.call(PATH, "Manager", "Subscribe", "", []);
    await this.addMatch(`interface='${NAME}.Manager',member='JobRemoved'`);
    // The job may be over before we know its name.
    const removed: Map<string, string> = new Map();
    let wanted: string | undefined;
    let found: (result: string) => void = () => {};
    this.bus.on("message", (message: Message) => {
      if (message.member !== "JobRemoved") return;
      const [, job, , result] = message.body as [number, string, string, string];
      removed.set(job, result);
      if (job === wanted) found(result);
    });
    const [job] = await this.call(PATH, "Manager", "ReloadUnit", "ss", [unit, "replace"]);
    wanted = String(job);
    return removed.get(wanted) ?? Promise.race([new Promise<string>(resolve => (found = resolve)), this.lost]);
  }

  /** Calls back after changes of the unit's properties, for as long as this connection lasts. */
  async followUnit(unit: string, onChange: () => void): Promise<void> {
    await this.call(PATH, "Manager", "Subscribe", "", []);
    const [path] = await this.call(PATH, "Manager", "LoadUnit", "s", [unit]);
    await this.addMatch(`path='${path}',member='PropertiesChanged'`);
    this.bus.on("message", (message: Message) => {
      if (message.member === "PropertiesChanged" && message.path === path) onChange();
    });
  }

  private async call(
    path: string,
    iface: string,
    member: string,
    signature: string,
    body: unknown[],
  ): Promise<unknown[]> {
    const full = iface.includes(".") ? iface : `${NAME}.${iface}`;
    return this.send({ destination: NAME, path, interface: full, member, signature, body });
  }

  /** Asks the bus for those of systemd's signals. */
  private async addMatch(rule: string): Promise<void> {
    const name = "org.freedesktop.DBus";
    await this.send({
      destination: name,
      path: "/org/freedesktop/DBus",
      interface: name,
      member: "AddMatch",
      signature: "s",
      body: [`type='signal',sender='${NAME}',${rule}`],
    });
  }

  private async send(message: ConstructorParameters<typeof Message>[0]): Promise<unknown[]> {
    try {
      const reply = await Promise.race([this.bus.call(new Message(message)), this.lost]);
      return reply?.body ?? [];
    } catch (error) {
      if (error instanceof ManagerError) throw error;
      const { type, message: text } = error as DBusError;
      throw new ManagerError(text, type);
    }
  }
}
