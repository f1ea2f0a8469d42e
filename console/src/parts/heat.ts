// A distribution over time: cells as dense as their buckets, and over them three percentiles with a band from the lowest to the highest.

import uPlot from 'uplot';
import { axesOf, color, cursor, timeSeries, zonedDate, zoom } from './axes.ts';
import { cellsOf, extentOf, quantile, type Cell, type Extent, type Step } from './distribution.ts';
import { format, type Unit } from './format.ts';
import type { Grid } from './range.ts';
import { ticksOf } from './ticks.ts';

const SHARES = [0.5, 0.9, 0.99];

export type Heat = { data: [number[], ...(number | null)[][]]; cells: Cell[]; extent: Extent; step: number };

/** What is drawn of distributions; nothing where there are none. */
export function heatOf(steps: Step[], grid: Pick<Grid, 'start' | 'end' | 'step'>): Heat | undefined {
  const extent = extentOf(steps);
  if (!extent) return undefined;
  // What is missing is a gap.
  const known = new Map(steps.map((step) => [step.at, step.buckets]));
  const count = Math.floor((grid.end - grid.start) / grid.step) + 1;
  const times = [...new Set([...Array.from({ length: count }, (_, at) => grid.start + at * grid.step), ...known.keys()])].sort((a, b) => a - b);
  const rows = SHARES.map((share) => times.map((at) => quantile(known.get(at) ?? [], share)));
  return { data: [times, ...rows], cells: cellsOf(steps, extent), extent, step: grid.step };
}

export function heatOptions({ cells, extent, step }: Heat, unit: Unit): Omit<uPlot.Options, 'width' | 'height'> {
  const { low, high, isLog } = extent;
  const linear = (from: number, to: number) => ticksOf(from, to, unit);
  const top = isLog ? high : (linear(low, high).at(-1) ?? high);
  const series = SHARES.map((share, at): uPlot.Series => ({
    label: `p${share * 100}`,
    stroke: color(`--series-${[4, 2, 5][at]}`),
    width: 1.5,
    points: { show: false },
    value: (plot, value, _, index) => format(index == null ? newest(plot.data[at + 1]) : value, unit),
  }));
  return {
    cursor: cursor(),
    tzDate: zonedDate,
    hooks: { setSelect: [zoom], drawAxes: [(plot) => drawCells(plot, cells, step)] },
    legend: { live: true },
    scales: { y: isLog ? { distr: 3, log: 10, range: [low, top] } : { range: [low, top] } },
    // Of a logarithmic axis only powers of ten are kept otherwise.
    axes: axesOf(unit, isLog ? decades : linear).map((axis) => ({ ...axis, filter: (_: uPlot, splits: number[]) => splits })),
    series: [timeSeries(), ...series],
    bands: [{ series: [3, 1], fill: `${color('--series-2')}12` }],
  };
}

const newest = (row: ArrayLike<number | null | undefined> | undefined) => Array.from(row ?? []).filter((one) => one != null).at(-1);

/** Powers of ten, and twice and five times them where they are few. */
function decades(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const steps = last - first > 5 ? [1] : last - first > 2 ? [1, 3] : [1, 2, 5];
  const apart = Math.ceil((last - first) / 8);
  const all = Array.from({ length: last - first + 1 }, (_, at) => first + at).filter((power) => (power - first) % apart === 0);
  return all.flatMap((power) => steps.map((one) => Number((one * 10 ** power).toPrecision(3)))).filter((one) => one >= low && one <= high);
}

/** Cells reach from the step before to their own: what came since then is in them. */
function drawCells(plot: uPlot, cells: Cell[], step: number): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = color('--series-1');
  for (const { at, low, high, share } of cells) {
    const [left, right] = [plot.valToPos(at - step, 'x', true), plot.valToPos(at, 'x', true)];
    const [top, bottom] = [plot.valToPos(high, 'y', true), plot.valToPos(low, 'y', true)];
    // Few are seen beside many.
    ctx.globalAlpha = 0.06 + 0.84 * Math.sqrt(share);
    ctx.fillRect(Math.round(left), Math.round(top), Math.max(1, Math.round(right) - Math.round(left)), Math.max(1, Math.round(bottom) - Math.round(top)));
  }
  ctx.restore();
}
