// Replays what fuzzing (make fuzz) has kept: inputs that reach each branch of the parsers, or once broke a promise.

import { expect, test } from "@jest/globals";
import { readCorpus } from "./corpus.js";
import { TARGETS } from "./targets.js";

test.each(TARGETS.map(({ name, run }) => ({ name, run })))(
  "the kept inputs of $name keep its promises",
  ({ name, run }) => {
    const inputs = readCorpus(name);
    expect(inputs.length).toBeGreaterThan(0);
    for (const input of inputs) expect(() => run(input)).not.toThrow();
  },
);
