// Short soaks; `make soak` has the long ones.

import { afterEach, expect, test } from "@jest/globals";
import { WORKERS } from "../soak/plan.js";
import { soak } from "../soak/run.js";
import { soakUpgrades } from "../soak/upgrade-run.js";
import { removeUnits } from "../support/unit.js";

afterEach(removeUnits);

test("20 reloads, with all faults among them, lose no request and leave nothing behind", async () => {
  const crews = [{ surge: 1, queues: WORKERS }];
  const some = { seed: 6, reloads: 20, requests: 5_000, crews, crewReloads: 0, recycled: 0 };
  const result = await soak({ ...some, bulk: false, sampleEvery: 20, warmUp: 0 });
  const { lost, surprises, requests, reloads, growth } = result;
  expect({ lost, surprises }).toEqual({ lost: [], surprises: [] });
  expect(requests.reloaded).toBeGreaterThanOrEqual(5_000);
  expect(requests.stopped).toBeGreaterThan(100);
  const [crew] = result.crews;
  expect(crew!.requests).toBeGreaterThan(100);
  expect(crew!.reloads + crew!.scalings + crew!.crashes).toBeGreaterThan(3);
  expect(reloads.succeeded).toBeGreaterThanOrEqual(20);
  // So few say nothing about memory.
  expect(growth.filter(({ resource, grows }) => grows && !resource.endsWith("kB"))).toEqual([]);
}, 300_000);

test("3 upgrades at random moments of 6 reloads with workers lose no request and leave nothing behind", async () => {
  const result = await soakUpgrades({ seed: 1, upgrades: 3, sampleEvery: 3, warmUp: 0 });
  const { lost, surprises, upgrades, growth } = result;
  expect({ lost, surprises }).toEqual({ lost: [], surprises: [] });
  expect([upgrades.amid, upgrades.quiet, upgrades.reloads + upgrades.failedAsPlanned]).toEqual([3, 2, 6]);
  expect(growth.filter(({ resource, grows }) => grows && !resource.endsWith("kB"))).toEqual([]);
}, 300_000);
