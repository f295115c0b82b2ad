// What servers lost in the last run of test/system/servers.test.ts that was asked for figures: see `make server-figures`.

/** Requests that were lost, and all that were made. */
type Share = readonly [lost: number, of: number];

export interface ServerFigures {
  /** On new connections. */
  readonly fresh: Share;
  /** On kept ones. */
  readonly kept: Share;
}

/** In docs: JSON, with ServerFigures by the names of servers. */
export const FIGURES = "examples/servers/figures.json";
