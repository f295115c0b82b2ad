import { expect, test } from "@jest/globals";
import { hasOomKill } from "../../../src/systemd/as-service/cgroup.js";

test.each([
  ["low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n", true],
  ["low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 1\n", false],
  [undefined, false],
])("memory.events tells of an OOM kill", (events, killed) => {
  expect(hasOomKill(events)).toBe(killed);
});
