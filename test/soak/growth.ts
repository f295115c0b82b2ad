// Tells whether something grows, by the Theil–Sen line through the measured values, which a few odd ones don't bend.

import { median } from "../support/median.js";
import { type Holdings, RESOURCES } from "./watch.js";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The median of the slopes between any two points. */
export function slope(points: readonly Point[]): number {
  const slopes = points.flatMap((one, index) =>
    points
      .slice(index + 1)
      .filter(({ x }) => x !== one.x)
      .map(other => (other.y - one.y) / (other.x - one.x)),
  );
  return slopes.length === 0 ? 0 : median(slopes);
}

/** Returns how far, in the median, the points are from that line. */
function scatter(points: readonly Point[]): number {
  const steepness = slope(points);
  const heights = points.map(({ x, y }) => y - steepness * x);
  const height = median(heights);
  return median(heights.map(value => Math.abs(value - height)));
}

/** Memory is never the same twice: it grows only if its line rises by more than this times what the values scatter … */
const SCATTERS = 3;
/** … and by more than this per 1,000 reloads, kB: a leak with each generation is larger. */
const LEAST = 500;

export interface Sample {
  /** How many reloads had succeeded by then. */
  readonly reloads: number;
  readonly holdings: Holdings;
}

export interface Growth {
  readonly resource: string;
  readonly first: number;
  readonly last: number;
  readonly per1000: number;
  readonly grows: boolean;
}

export function growthOf(samples: readonly Sample[]): Growth[] {
  return RESOURCES.map(resource => {
    const points = samples.map(({ reloads, holdings }) => ({ x: reloads, y: holdings[resource] }));
    const [first, last] = [points[0]!, points.at(-1)!];
    const steepness = slope(points);
    const rise = steepness * (last.x - first.x);
    const isMemory = resource.endsWith("kB");
    const grows = isMemory
      ? rise > SCATTERS * scatter(points) && steepness * 1000 > LEAST
      : steepness > 0 || last.y > first.y;
    return { resource, first: first.y, last: last.y, per1000: steepness * 1000, grows };
  });
}
