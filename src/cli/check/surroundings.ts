// Rules on the surroundings of the supervisor: its sockets, its directories, its sandbox.

import { PROBE_NAME } from "../../supervisor/probe-socket.js";
import { list } from "./command-line.js";
import { type Rule, serviceFix } from "./finding.js";

/** By name, so that each can be tested alone. */
export const SURROUNDINGS = {
  accept({ unit, sockets }) {
    return sockets
      .filter(({ properties }) => properties.Accept)
      .map(({ name }) => ({
        severity: "error",
        setting: `Accept (${name})`,
        value: "yes",
        why: "systemd accepts, and starts a service for each connection; zerodown needs the listening socket",
        fix: {
          unit: name,
          section: "Socket",
          lines: ["Accept=no", ...(unit.includes("@") ? [`Service=${unit}`] : [])],
        },
      }));
  },

  probeName({ sockets, run }) {
    if (!run?.probes.length) return [];
    const why =
      "that is what the socket of --probe is named, and nobody could tell the two apart: zerodown exits with 64";
    return sockets
      .filter(({ properties }) => properties.FileDescriptorName === PROBE_NAME)
      .map(({ name }) => ({
        severity: "error",
        setting: `FileDescriptorName (${name})`,
        value: PROBE_NAME,
        why,
        // Its default is the unit's own name.
        fix: { unit: name, section: "Socket", lines: ["FileDescriptorName="] },
      }));
  },

  noSockets({ unit, sockets, runArguments, run, migratesRequests }) {
    const isOpen = !run && (runArguments === null || runArguments.some(word => /^--listen|\$/.test(word)));
    if (sockets.length > 0 || isOpen || run?.listen.length) return [];
    const why =
      "there is neither a .socket unit nor --listen: what the app binds itself, its next generation can't bind without SO_REUSEPORT";
    return [
      {
        severity: "warning",
        setting: "TriggeredBy",
        value: "",
        why: `${why}, and ${withReusePort(migratesRequests)}. zerodown unit prints a .socket for ${unit}`,
      },
    ];
  },

  socketsAreUp({ unit, sockets, service }) {
    const pulled = [...list(service.Requires), ...list(service.Wants), ...list(service.BindsTo)];
    const why = "the service can be started without it, and then gets none of its sockets";
    return sockets
      .filter(({ name, properties }) => !properties.Accept && !pulled.includes(name))
      .map(({ name, properties }) => {
        const isWithout = service.ActiveState === "active" && properties.ActiveState !== "active";
        return {
          severity: isWithout ? "warning" : "note",
          setting: "Requires",
          value: "",
          why: `${name} isn't among it: ${isWithout ? "the service runs without it, and without its sockets" : why}`,
          fix: { unit, section: "Unit", lines: [`Requires=${name}`] },
        };
      });
  },

  socketInRuntimeDirectory({ unit, sockets, service, runtimeRoot }) {
    if (service.RuntimeDirectoryPreserve === "yes") return [];
    const directories = list(service.RuntimeDirectory).map(name => `${runtimeRoot}/${name}/`);
    const lost = sockets
      .flatMap(({ properties }) => (properties.Listen ?? []) as [string, string][])
      .map(([, address]) => address.replace(/^\/var\/run\//, "/run/"))
      .find(address => directories.some(directory => address.startsWith(directory)));
    if (lost === undefined) return [];
    const why = `when the service stops, systemd removes that directory and with it ${lost}, and nobody can connect any more`;
    const fix = serviceFix(unit, "RuntimeDirectoryPreserve=yes");
    return [
      { severity: "error", setting: "RuntimeDirectory", value: list(service.RuntimeDirectory).join(" "), why, fix },
    ];
  },

  runtimeDirectory({ unit, scope, service }) {
    if (scope === "user" || list(service.RuntimeDirectory).length > 0) return [];
    const isStrict = service.ProtectSystem === "strict" && list(service.ReadWritePaths).length === 0;
    const isUser = service.DynamicUser || !["", "root", "0"].includes(String(service.User ?? ""));
    if (!isStrict && !isUser) return [];
    const [name = ""] = unit.replace(/\.service$/, "").split("@");
    const isNowhere = isStrict && !service.PrivateTmp;
    return [
      {
        severity: isNowhere ? "error" : "warning",
        setting: "RuntimeDirectory",
        value: "",
        why: isNowhere
          ? "no directory is writable, and zerodown needs one for its sockets: it exits with status 73"
          : "zerodown's sockets go to /tmp: with PrivateTmp= no one outside finds them, without it others can be in the way",
        fix: serviceFix(unit, `RuntimeDirectory=${name}`),
      },
    ];
  },

  stateDirectory({ unit, service }) {
    if (list(service.StateDirectory).length > 0) return [];
    const [name = ""] = unit.replace(/\.service$/, "").split("@");
    const why =
      "zerodown can't remember the release that served last: if what is on disk doesn't start after a reboot, nothing serves";
    const fix = serviceFix(unit, `StateDirectory=${name}`);
    return [{ severity: "note", setting: "StateDirectory", value: "", why, fix }];
  },

  addressFamilies({ unit, service }) {
    const [isAllowList, families] = (service.RestrictAddressFamilies ?? [false, []]) as [boolean, string[]];
    if (families.includes("AF_UNIX") === isAllowList) return [];
    const value = `${isAllowList ? "" : "~"}${families.join(" ")}` || "none";
    const why = "without AF_UNIX zerodown can't make its sockets, nor talk to systemd: it exits with status 73";
    const fix = serviceFix(unit, "RestrictAddressFamilies=AF_UNIX");
    return [{ severity: "error", setting: "RestrictAddressFamilies", value, why, fix }];
  },

  protectControlGroups({ unit, service }) {
    // With "private" (systemd 257) it can write, in a namespace.
    const value = String(service.ProtectControlGroupsEx ?? (service.ProtectControlGroups ? "yes" : "no"));
    if (!service.Delegate || (value !== "yes" && value !== "strict")) return [];
    const why =
      "it makes the cgroups read-only that Delegate= is to give to zerodown: generations get none of their own";
    const fix = serviceFix(unit, "ProtectControlGroups=no");
    return [{ severity: "warning", setting: "ProtectControlGroups", value, why, fix }];
  },
} satisfies Record<string, Rule>;

/** What comes of what waits for a generation that has bound for itself, when that ends. */
function withReusePort(migratesRequests: boolean | undefined): string {
  if (migratesRequests)
    return "with it clients that wait move to the next generation, for net.ipv4.tcp_migrate_req is 1";
  if (migratesRequests === undefined) return "with it reloads lose clients, which Linux 5.14 can prevent";
  return "with it reloads lose clients, until a file in /etc/sysctl.d says net.ipv4.tcp_migrate_req = 1";
}
