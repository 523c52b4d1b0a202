// Options of echarts -> SVG, without a browser. Plain JavaScript: echarts' own types are wrong where an optional property
// must not be undefined (exactOptionalPropertyTypes), and its declarations would be checked with ours.

import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([GridComponent, LegendComponent, LineChart, SVGRenderer, TitleComponent]);

/**
 * @param {import("./draw.d.ts").ChartOptions} options
 * @param {number} width
 * @param {number} height
 */
export function draw(options, width, height) {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption(options);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
