// Lines as the one table that a chart is drawn from.

import type uPlot from 'uplot';
import type { Line } from '../api.ts';
import type { Grid } from './range.ts';

/** Every step of the grid has a row, so that what is missing is a gap; stacked lines are summed from the first on. */
export function table(lines: Line[], stacked: boolean, grid: Pick<Grid, 'start' | 'end' | 'step'>): uPlot.AlignedData {
  const steps = Math.floor((grid.end - grid.start) / grid.step) + 1;
  const ofGrid = Array.from({ length: steps }, (_, at) => grid.start + at * grid.step);
  const times = [...new Set([...ofGrid, ...lines.flatMap((line) => line.points.map(([ts]) => ts))])].sort((a, b) => a - b);
  let below: number[] = times.map(() => 0);
  const rows = lines.map((line) => {
    const values = new Map(line.points);
    const row = times.map((ts) => finite(values.get(ts)));
    if (!stacked) return row;
    const above = below;
    below = row.map((value, at) => (value ?? 0) + (above[at] ?? 0));
    return row.map((value, at) => (value == null ? null : value + (above[at] ?? 0)));
  });
  return [times, ...rows];
}

/** An axis has no place for infinity, nor for what is no number. */
const finite = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : null);

/** Points that have a gap on both sides: no line shows them. */
export function lonely(row: ArrayLike<number | null | undefined>): number[] {
  return Array.from(row).flatMap((value, at) => (value != null && row[at - 1] == null && row[at + 1] == null ? [at] : []));
}
