// Numbers of a panel: one of many points, its text and its colour.

import type { Line } from '../api.ts';
import { format } from '../parts/format.ts';
import type { Panel } from './model.ts';
import { colorOf } from './units.ts';

/** One number of a line, as the panel calculates it. */
export function reduced(line: Line, calc: string): number | undefined {
  const all = line.points.map(([, value]) => value);
  const values = all.filter((value) => !Number.isNaN(value));
  const sum = () => values.reduce((total, value) => total + value, 0);
  switch (calc) {
    case 'last':
      return all.at(-1);
    case 'mean':
      return values.length > 0 ? sum() / values.length : undefined;
    case 'sum':
      return values.length > 0 ? sum() : undefined;
    case 'max':
      return values.length > 0 ? Math.max(...values) : undefined;
    case 'min':
      return values.length > 0 ? Math.min(...values) : undefined;
    case 'first':
    case 'firstNotNull':
      return values[0];
    case 'range':
      return values.length > 0 ? Math.max(...values) - Math.min(...values) : undefined;
    case 'count':
      return values.length;
    default:
      return values.at(-1);
  }
}

export function written(value: number | undefined, { mappings, unit, decimals }: Panel): string {
  return mappings.get(value === undefined ? 'NaN' : String(value)) ?? format(value, unit, decimals);
}

/** The colour of the highest threshold that a value reaches. */
export function colored(value: number | undefined, { thresholds }: Panel): string {
  if (value === undefined) return '';
  return colorOf(thresholds.filter(({ from }) => value >= from).at(-1)?.color ?? '');
}

/** How far a value is between the ends that a panel has, or has by its unit. */
export function shareOf(value: number | undefined, panel: Panel, highest: number): number {
  const min = panel.min ?? 0;
  const max = panel.max ?? (panel.unit === 'ratio' ? 1 : panel.unit === 'percent' ? 100 : highest);
  if (value === undefined || !(max > min)) return 0;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}
