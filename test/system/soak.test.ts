// A short soak; `make soak` is the long one.

import { afterEach, expect, test } from "@jest/globals";
import { soak } from "../soak/run.js";
import { removeUnits } from "../support/unit.js";

afterEach(removeUnits);

test("20 reloads, with all faults among them, lose no request and leave nothing behind", async () => {
  const result = await soak({ seed: 6, reloads: 20, requests: 5_000, bulk: false, sampleEvery: 20, warmUp: 0 });
  const { lost, surprises, requests, reloads, growth } = result;
  expect({ lost, surprises }).toEqual({ lost: [], surprises: [] });
  expect(requests.reloaded).toBeGreaterThanOrEqual(5_000);
  expect(requests.stopped).toBeGreaterThan(100);
  expect(reloads.succeeded).toBeGreaterThanOrEqual(20);
  // So few say nothing about memory.
  expect(growth.filter(({ resource, grows }) => grows && !resource.endsWith("kB"))).toEqual([]);
}, 300_000);
