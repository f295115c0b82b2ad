// Draws the picture: each candidate's slowest answers over time, its reloads, and its lost requests.

import { createRequire } from "node:module";
import { PACKAGES } from "./candidate.js";
import type { LoadSample } from "./load-process.js";
import type { Measured } from "./measure.js";

/** The part of echarts that is used here; its own types are installed with it, out of the compiler's sight. */
interface Echarts {
  init(
    element: null,
    theme: null,
    options: { renderer: "svg"; ssr: true; width: number; height: number },
  ): { setOption(option: object): void; renderToSVGString(): string; dispose(): void };
}

const WIDTH = 1000;
const TOP = 80;
const PANEL = 130;
const PLOT = 80;
/** The slowest answer within each such time is drawn, ms. */
const BUCKET = 50;
/** The ends of the axis, ms. */
const [FASTEST, SLOWEST] = [0.1, 10_000];

/** @returns an SVG */
export function draw(all: readonly Measured[], machine: string): string {
  const { init } = createRequire(PACKAGES)("echarts") as Echarts;
  const size = { width: WIDTH, height: TOP + PANEL * all.length };
  const chart = init(null, null, { renderer: "svg", ssr: true, ...size });
  const seconds = Math.ceil(Math.max(...all.map(({ samples }) => sinceStart(samples, samples.at(-1)!.start))));
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    title: [
      {
        text: `Slowest answer in each ${BUCKET} ms. Grey: a reload is asked for; blue: the new generation serves; red: lost`,
        subtext: machine,
        left: 10,
        top: 8,
        textStyle: { fontSize: 15 },
      },
      ...all.map(({ name }, index) => ({ text: name, left: 60, top: top(index) - 24, textStyle: { fontSize: 13 } })),
    ],
    grid: all.map((_, index) => ({ left: 60, right: 20, top: top(index), height: PLOT })),
    xAxis: all.map((_, gridIndex) => ({
      gridIndex,
      type: "value",
      min: 0,
      max: seconds,
      axisLabel: { formatter: "{value} s" },
    })),
    yAxis: all.map((_, gridIndex) => ({
      gridIndex,
      type: "log",
      min: FASTEST,
      max: SLOWEST,
      axisLabel: { formatter: (value: number) => (value < 1000 ? `${value} ms` : `${value / 1000} s`) },
    })),
    series: all.flatMap((measured, index) => series(measured, index)),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function top(index: number): number {
  return TOP + 24 + PANEL * index;
}

function series({ samples, reloads }: Measured, index: number): object[] {
  const axes = { xAxisIndex: index, yAxisIndex: index };
  const at = (time: number) => sinceStart(samples, time);
  const lines = (times: number[], color: string) => times.map(time => ({ xAxis: at(time), lineStyle: { color } }));
  return [
    {
      ...axes,
      type: "line",
      data: slowest(samples),
      showSymbol: false,
      lineStyle: { width: 1, color: "#222" },
      markLine: {
        symbol: "none",
        label: { show: false },
        lineStyle: { type: "solid", width: 1 },
        data: [
          ...lines(
            reloads.map(({ asked }) => asked),
            "#bbb",
          ),
          ...lines(
            reloads.map(({ serving }) => serving),
            "#5b8ff9",
          ),
        ],
      },
    },
    {
      ...axes,
      type: "scatter",
      symbolSize: 6,
      itemStyle: { color: "#d00" },
      data: samples
        .filter(({ lost }) => lost)
        .map(({ start, duration }) => [at(start), Math.min(SLOWEST, Math.max(FASTEST, duration))]),
    },
  ];
}

/** Returns a point a bucket, and none where nothing was answered. */
function slowest(samples: readonly LoadSample[]): [number, number][] {
  const buckets = new Map<number, number>();
  for (const { start, duration, lost } of samples) {
    if (lost) continue;
    const bucket = Math.floor((sinceStart(samples, start) * 1000) / BUCKET);
    buckets.set(bucket, Math.max(buckets.get(bucket) ?? FASTEST, duration));
  }
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([bucket, duration]) => [(bucket * BUCKET) / 1000, Math.min(SLOWEST, duration)]);
}

/** Returns seconds since the first sample, rounded as finely as it can be seen. */
function sinceStart(samples: readonly LoadSample[], time: number): number {
  return Math.round(time - samples[0]!.start) / 1000;
}
