// Paths of sockets that are longer than a socket's may be.

import { longestSocketPath, SOCKET_PATH_BYTES, tooLongText } from "../../systemd/as-service/runtime-directory.js";
import { list } from "./command-line.js";
import type { Finding, Rule } from "./finding.js";

/** By name, so that each can be tested alone. */
export const SOCKET_PATHS = {
  socketPaths({ scope, service, runtimeRoot }) {
    const [name] = list(service.RuntimeDirectory);
    const place = `${runtimeRoot}/${name}`;
    if (name === undefined || longestSocketPath(place) <= SOCKET_PATH_BYTES) return [];
    const next = scope === "user" ? "$XDG_RUNTIME_DIR" : "/run, and where that isn't writable to /tmp";
    const why = `${tooLongText([place])}: they go to ${next}. A shorter name keeps them in the unit's own directory`;
    return [{ severity: "warning", setting: "RuntimeDirectory", value: name, why }];
  },

  ownPaths({ start, run }) {
    const paths = [
      ...(run?.control === undefined ? [] : [["--control", run.control]]),
      ...(run?.listen ?? []).flatMap(({ address, text }) => (address.family === "unix" ? [["--listen", text]] : [])),
    ];
    return paths
      .filter(([, path = ""]) => Buffer.byteLength(path) > SOCKET_PATH_BYTES)
      .map(
        ([option, path]): Finding => ({
          severity: "error",
          setting: "ExecStart",
          value: start.path,
          why: `${option}: "${path}" is longer than the ${SOCKET_PATH_BYTES} bytes that the path of a socket may have`,
        }),
      );
  },
} satisfies Record<string, Rule>;
