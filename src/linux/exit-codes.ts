// The exit statuses that say why a command ended: those of sysexits.h, which systemd.exec(5) lists, too.

/** The command line is wrong. */
export const EX_USAGE = 64;
/** What it takes isn't there: a unit, a bus, a supervisor, a command that can be executed. */
export const EX_UNAVAILABLE = 69;
/** The system lacks something: processes, memory, descriptors. */
export const EX_OSERR = 71;
/** A file or directory can't be made. */
export const EX_CANTCREAT = 73;
/** It was not done in time. */
export const EX_TEMPFAIL = 75;
/** The other side doesn't speak as a supervisor does. */
export const EX_PROTOCOL = 76;
export const EX_NOPERM = 77;
/** What systemd passed isn't what it says. */
export const EX_CONFIG = 78;

/** As `systemctl status` exits for a unit that isn't running. */
export const NOT_RUNNING = 3;
