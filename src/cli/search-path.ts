// Where programs are found: as systemd looks them up, and as our launcher looks for Node.

import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** In which systemd looks for a command without a slash, and what a service of the system has as its $PATH. */
export const SYSTEMD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The command of the package zerodown-standalone, which has a Node beside it. */
const STANDALONE = "/usr/lib/zerodown/dist/zerodown.cjs";

/** @returns the program's path, or undefined where there is none of that name */
export function findProgram(name: string, path: string, isHidden: (path: string) => boolean = () => false) {
  const candidates = name.includes("/") ? [name] : path.split(":").map(directory => `${directory}/${name}`);
  return candidates.find(candidate => isProgram(candidate) && !isHidden(candidate));
}

/** Whether the launcher of `zerodown` finds a Node: src/launcher/launcher.sh. */
export function findsNode(zerodown: string, path: string, isHidden?: (path: string) => boolean): boolean {
  const real = realPath(zerodown);
  const far = real.replace(/\/lib\/node_modules\/.*/, "/bin/node");
  const own = real === STANDALONE ? ["/usr/lib/zerodown/node"] : [];
  return [...own, `${dirname(zerodown)}/node`, "node", ...(far.endsWith("/bin/node") ? [far] : [])].some(
    name => findProgram(name, path, isHidden) !== undefined,
  );
}

/** A file that we may not look at counts as a program: systemd may look. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    return process.getuid!() !== 0 && (error as NodeJS.ErrnoException).code === "EACCES";
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
