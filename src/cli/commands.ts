// The commands, in the order in which people meet them.

/** By name: what each does, as a phrase. */
export const COMMANDS: Readonly<Record<string, string>> = {
  run: "supervise a command",
  reload: "start the next generation, and wait until it serves",
  rollback: "start again what served before the last reload",
  scale: "ask for more workers, or fewer",
  upgrade: "have a supervisor replace itself by the version on disk",
  status: "show the generations, what they use and how they ended; or all units",
  metrics: "print what there is to measure of units, for Prometheus",
  logs: "show what a unit, or one of its generations, has written",
  check: "say what in a unit will bite, and the fix",
  unit: "print a .service and a .socket for a command, or install them",
  completion: "print what completes all of this in a shell",
};
