// Follows a unit's properties as they change, by systemd's own events, over D-Bus.

import { Message, MessageType, sessionBus, type Variant } from "dbus-next";
import { Lines } from "./lines.js";

const SYSTEMD = "org.freedesktop.systemd1";
const MANAGER = "/org/freedesktop/systemd1";

/**
 * Follows a unit until `close`. Each change is a line, "ActiveState=reloading"; lines come in the order in which systemd
 * told of the changes.
 */
export async function followProperties(unit: string): Promise<{ changes: Lines; close: () => void }> {
  const changes = new Lines();
  const known = new Map<string, unknown>();
  const bus = sessionBus({ busAddress: process.env.DBUS_SESSION_BUS_ADDRESS! });
  const call = async (path: string, member: string, ...body: string[]) => {
    const [, destination = SYSTEMD, iface, name] = /^(?:(.*)\|)?(.*)\.(.*)$/.exec(member)!;
    const signature = body.map(() => "s").join("");
    const reply = await bus.call(new Message({ destination, path, interface: iface!, member: name!, signature, body }));
    return reply!.body[0];
  };
  // What systemd tells before it answers GetAll is no news: that answer has it.
  let answered = false;
  const learn = (properties: Record<string, Variant>) => {
    for (const [name, { value }] of Object.entries(properties)) {
      if (answered && known.get(name) !== value && typeof value !== "object") changes.add(`${name}=${value}\n`);
      known.set(name, value);
    }
  };

  await call(MANAGER, `${SYSTEMD}.Manager.Subscribe`);
  const path: string = await call(MANAGER, `${SYSTEMD}.Manager.LoadUnit`, unit);
  bus.on("message", (message: Message) => {
    if (message.path === path && message.member === "PropertiesChanged") learn(message.body[1]);
    // Not where the answer is awaited: what comes with it is handled before that.
    if (message.type === MessageType.METHOD_RETURN && message.signature === "a{sv}") {
      learn(message.body[0]);
      answered = true;
    }
  });
  const rule = `type='signal',sender='${SYSTEMD}',path='${path}',member='PropertiesChanged'`;
  await call("/org/freedesktop/DBus", "org.freedesktop.DBus|org.freedesktop.DBus.AddMatch", rule);
  await call(path, "org.freedesktop.DBus.Properties.GetAll", "");
  const close = () => {
    bus.disconnect();
    changes.end();
  };
  return { changes, close };
}
