/** echarts' own, which are not checked here. */
export type ChartOptions = object;

/** Returns the chart of these options as SVG. */
export function draw(options: ChartOptions, width: number, height: number): string;
