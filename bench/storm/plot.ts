// A storm's plot as SVG, drawn without a browser.

import { draw } from "./draw.js";
import type { Series } from "./series.ts";

const width = 900;
const height = 560;
/** Each is the mean of the seconds that it stands for. */
const mostPoints = 300;

/** Returns the plot of the seconds up to this one. */
export function plotOf(title: string, series: Series, seconds: number): string {
  const step = Math.max(1, Math.ceil(seconds / mostPoints));
  const line = (name: string, values: Float64Array, panel: 0 | 1) => ({
    name,
    type: "line",
    xAxisIndex: panel,
    yAxisIndex: panel,
    showSymbol: false,
    lineStyle: { width: 1.5 },
    data: pointsOf(values, seconds, step),
  });
  const axis = (panel: 0 | 1, name: string) => ({
    gridIndex: panel,
    type: "value",
    name,
    nameLocation: "middle",
    max: seconds,
  });
  const options = {
    animation: false,
    backgroundColor: "#ffffff",
    title: { text: title, left: "center", textStyle: { fontSize: 14 } },
    legend: { top: 28 },
    grid: [
      { left: 80, right: 30, top: 70, height: 220 },
      { left: 80, right: 30, top: 330, height: 160 },
    ],
    xAxis: [axis(0, ""), { ...axis(1, "seconds"), nameGap: 28 }],
    yAxis: [
      { gridIndex: 0, type: "value", name: "a second" },
      { gridIndex: 1, type: "value", name: "at a time" },
    ],
    series: [
      line("arrivals", series.arrivals, 0),
      line("in", series.in, 0),
      line("refused", series.refused, 0),
      line("requests", series.requests, 0),
      line("queue", series.queue, 1),
      line("environments", series.environments, 1),
    ],
  };
  return draw(options, width, height);
}

/** Returns the mean of each step, at its first second. */
export function pointsOf(values: Float64Array, seconds: number, step: number): [number, number][] {
  const points: [number, number][] = [];
  for (let at = 0; at < seconds; at += step) {
    const part = values.subarray(at, Math.min(at + step, seconds));
    points.push([at, Math.round((part.reduce((sum, each) => sum + each, 0) / part.length) * 10) / 10]);
  }
  return points;
}
