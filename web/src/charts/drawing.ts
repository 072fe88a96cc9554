/** What uPlot is told of axes and labels. */

import type uPlot from "uplot";
import { colour } from "../theme";
import type { Line } from "./time-chart";

/** The top of an axis from zero: a little above the largest value. */
export function scaleTop(max: number | null): number {
  return max === null || !(max > 0) ? 1 : max * 1.06;
}

export function timeAxis(): uPlot.Axis {
  return {
    stroke: colour("--dim"),
    grid: { show: false },
    ticks: { stroke: colour("--grid"), width: 1, size: 4 },
    font: `11px ${colour("--font")}`,
    size: 42,
    space: 64,
    values: [
      // [step, default, year, month, day, hour, minute, second, mode]
      [86_400, "{D} {MMM}", null, null, null, null, null, null, 1],
      [3600, "{HH}:{mm}", null, null, "\n{D} {MMM}", null, null, null, 1],
      [60, "{HH}:{mm}", null, null, "\n{D} {MMM}", null, null, null, 1],
      [1, "{HH}:{mm}:{ss}", null, null, "\n{D} {MMM}", null, null, null, 1],
    ],
  };
}

/** Room for the names at the right, in pixels: about seven a letter; without names for half of a last time. */
export function labelRoom(lines: Line[], width: number): number {
  const longest = Math.max(0, ...lines.filter((line) => !line.bars).map((line) => line.label.length));
  return longest === 0 ? 20 : Math.min(width < 520 ? 86 : 150, 12 + longest * 7);
}

/** Names at the ends of their lines, apart from each other. */
export function endLabels(plot: uPlot, lines: Line[]): void {
  const { ctx, bbox, data } = plot;
  const ratio = window.devicePixelRatio;
  const placed: { y: number; line: Line }[] = [];
  lines.forEach((line, at) => {
    if (line.bars) return;
    const last = Array.from(data[at + 1] ?? []).findLast((value) => value != null);
    if (last != null) placed.push({ y: plot.valToPos(last, "y", true), line });
  });
  placed.sort((a, b) => a.y - b.y);
  const gap = 13 * ratio;
  let floor = bbox.top + 4 * ratio;
  // Those at the bottom move up: below it are the axis and its times.
  let ceiling = bbox.top + bbox.height - 5 * ratio;
  for (const one of placed.toReversed()) {
    one.y = Math.min(one.y, ceiling);
    ceiling = one.y - gap;
  }
  const letters = Math.floor((plot.width - (bbox.left + bbox.width) / ratio - 8) / 6.5);
  ctx.save();
  ctx.font = `${11 * ratio}px ${colour("--font")}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const { y, line } of placed) {
    const place = Math.max(y, floor);
    floor = place + gap;
    ctx.fillStyle = colour(line.colour);
    ctx.fillText(line.label.length > letters ? `${line.label.slice(0, letters - 1)}…` : line.label, bbox.left + bbox.width + 6 * ratio, place);
  }
  ctx.restore();
}
