// What is known of one of the servers: they are in servers.ts.

/** The most that a strict client may lose at a reload: the test of these servers is red where it is more. */
export type Most =
  /** Nothing. */
  | "0"
  /** The one request that it sends while the old generation closes the connection. */
  | "1 each"
  /** More, or also without a reload. */
  | "more";

export interface Server {
  /** With the version that it was tried in. */
  readonly title: string;
  /** How it takes the socket, and what must agree. */
  readonly socket: string;
  /** Where the example listens. */
  readonly listen: string;
  /** Of zerodown run. */
  readonly options: readonly string[];
  /** Environment= of the service, with the addresses in the order of their descriptors. */
  readonly environment: (addresses: readonly string[]) => readonly string[];
  readonly command: readonly string[];
  /** On a new connection. */
  readonly fresh: Most;
  /** On one that it keeps. */
  readonly kept: Most;
  /** Whether it listens on the socket of --probe http:/PATH, too, as it is. */
  readonly isProbed: boolean;
  /** Sentences: why the options are these, what its configuration must say, who loses what. */
  readonly notes: readonly string[];
  /** Files beside the units in docs/examples/servers/NAME. */
  readonly files: readonly string[];
  /** It sets up what confines the app, and needs rights for that which the usual unit takes away. */
  readonly confines?: true;
}

/** The value that it needs of an option, else the usual one. */
export function optionOf({ options }: Server, option: string, usual: string): string {
  const index = options.indexOf(option);
  return index < 0 ? usual : options[index + 1]!;
}

/** What the server needs in a service of that name: its release, variables and containers are its own. */
export function inNameOf(name: string, server: Server): Server {
  const own = (text: string) =>
    text.replaceAll(/(?<=\/srv\/)app(?=\/)|(?<=\/etc\/)app(?=\.env)|(?<=--name=)app(?=-)/g, name);
  const { options, command, notes } = server;
  return { ...server, options: options.map(own), command: command.map(own), notes: notes.map(own) };
}
