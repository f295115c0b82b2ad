// What the kernel's text in /proc says of waiting: proc_pid_fdinfo(5), proc_pid_syscall(5), poll(2), select(2). Nothing is read here.

/** What an epoll instance watches, as fdinfo has it: the inode and the device of one file, in hexadecimal. */
export type FileKey = `${string}:${string}`;

/** A system call that a thread is in, if it is one by which a server waits for clients. */
export type Wait =
  | { readonly call: "accept"; readonly fd: number }
  /** The array of poll(2), or the set of descriptors to read of select(2), is at that address. */
  | { readonly call: "poll" | "select"; readonly address: bigint; readonly length: number };

const EPOLLIN = 1;
const POLLIN = 1;
/** sizeof(struct pollfd) */
const POLLFD = 8;
/** Nobody waits for clients among more descriptors than this by poll(2) or select(2): more aren't read. */
const MOST_FDS = 8192;

/** The calls by their numbers: a table for x86-64, and the generic one of all that came later. */
const X64: Readonly<Record<number, Wait["call"]>> = {
  7: "poll",
  23: "select",
  43: "accept",
  270: "select",
  271: "poll",
  288: "accept",
};
const GENERIC: Readonly<Record<number, Wait["call"]>> = { 72: "select", 73: "poll", 202: "accept", 242: "accept" };
const CALLS: Partial<Record<string, Readonly<Record<number, Wait["call"]>>>> = {
  x64: X64,
  arm64: GENERIC,
  riscv64: GENERIC,
  loong64: GENERIC,
};

export function fileKey({ ino, dev }: { ino: bigint; dev: bigint }): FileKey {
  return `${ino.toString(16)}:${dev.toString(16)}`;
}

/** Which files an epoll instance watches for something to read, a client to accept among it. */
export function parseEpoll(fdinfo: string): FileKey[] {
  const targets = fdinfo.matchAll(/^tfd: +\d+ events: +([0-9a-f]+) .* ino:([0-9a-f]+) sdev:([0-9a-f]+)$/gm);
  return [...targets].flatMap(([, events, ino, sdev]) =>
    Number.parseInt(events!, 16) & EPOLLIN ? [`${ino}:${sdev}` as const] : [],
  );
}

/** Whether the calls of that architecture are known here. */
export function knowsCalls(architecture: string): boolean {
  return CALLS[architecture] !== undefined;
}

/** undefined for a thread that runs, or waits for something else. */
export function parseSyscall(text: string, architecture: string): Wait | undefined {
  const [number, first, second] = text.split(" ");
  const call = CALLS[architecture]?.[Number(number)];
  if (call === undefined || second === undefined) return undefined;
  // The kernel takes an int: what is above its 32 bits means nothing.
  if (call === "accept") return { call, fd: Number(BigInt.asIntN(32, BigInt(first!))) };
  // poll(fds, nfds, …), but select(nfds, readfds, …)
  const [address, count] = call === "poll" ? [first!, second] : [second, first!];
  const fds = Math.min(Number(BigInt.asUintN(32, BigInt(count))), MOST_FDS);
  return { call, address: BigInt(address), length: call === "poll" ? fds * POLLFD : Math.ceil(fds / 8) };
}

/** Which descriptors a poll(2) watches for something to read. */
export function readPoll(array: Buffer): number[] {
  const fds: number[] = [];
  for (let at = 0; at + POLLFD <= array.length; at += POLLFD) {
    if (array.readInt16LE(at + 4) & POLLIN) fds.push(array.readInt32LE(at));
  }
  return fds;
}

/** Which descriptors are in a set of select(2), which has a bit for each. */
export function readSelect(set: Buffer): number[] {
  return [...set].flatMap((byte, index) =>
    Array.from({ length: 8 }, (_, bit) => index * 8 + bit).filter(fd => byte & (1 << (fd % 8))),
  );
}
