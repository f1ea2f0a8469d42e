// Where an axis has its lines: at steps that are round in the unit's own way.

import type { Unit } from './format.ts';

const MOST_TICKS = 5;
/** The share of a step that a value may be over the last line: 100.5 % is drawn to 100 %. */
const SLACK = 0.03;
/** Seconds, from one on, as clocks have them. */
const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

/** Lines of an axis from zero, or from below the lowest value, up to above the highest. */
export function ticksOf(low: number, high: number, unit: Unit): number[] {
  const top = Number.isFinite(high) ? Math.max(high, 0) : 0;
  const bottom = Number.isFinite(low) ? Math.min(low, 0) : 0;
  if (top === bottom) return [0, 1];
  const step = stepOf(((top - bottom) / (MOST_TICKS - 1)) * (1 - SLACK), unit);
  const first = Math.floor(bottom / step);
  const last = Math.ceil(top / step - SLACK);
  return Array.from({ length: last - first + 1 }, (_, at) => round((first + at) * step));
}

/** The smallest round step that is not below the one given. */
function stepOf(least: number, unit: Unit): number {
  if ((unit === 'bytes' || unit === 'bytes/s') && least > 0.5) return 2 ** Math.ceil(Math.log2(least));
  if (unit === 'seconds' && least > 0.5) {
    const clock = CLOCK.find((step) => step >= least);
    return clock ?? decimal(least / 86_400) * 86_400;
  }
  return decimal(least);
}

function decimal(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 2.5, 5, 10].find((step) => step * power >= least * (1 - 1e-9)) ?? 10);
}

/** Without what is left over of fractions of two. */
const round = (value: number) => Number(value.toPrecision(12));
