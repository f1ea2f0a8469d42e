// The graph of a rule: what it measures, its threshold, and when it fired.

import * as api from '../api.ts';
import { Chart } from '../parts/chart.ts';
import type { Mark } from '../parts/marks.ts';
import { withWindow, type Grid } from '../parts/range.ts';
import { unitOfQuery } from '../parts/unit.ts';
import { labelText } from './matchers.ts';
import { comparedIn, type Compared } from './threshold.ts';

export type RuleChart = { drawn: Chart; compared: Compared };

export function ruleChart(id: string, promql: string): RuleChart {
  const compared = comparedIn(promql);
  const thresholds = typeof compared.threshold === 'number' ? [compared.threshold] : [];
  const drawn = new Chart({ id, title: comparison(compared), unit: unitOfQuery(compared.measured), promql: compared.measured, height: 240, thresholds });
  return { drawn, compared };
}

/** Draws what is measured; a threshold that is no number is a line beside. */
export async function drawRule({ drawn, compared }: RuleChart, grid: Grid, marks: Mark[]): Promise<void> {
  const asked = (promql: string) => api.rangeWhole(withWindow(promql, grid.step), grid);
  const outcome = await drawn.draw(grid, async () => {
    const measured = await asked(compared.measured);
    if (typeof compared.threshold !== 'string') return measured;
    const held = await asked(compared.threshold);
    const lines = held.lines.map((line) => ({ ...line, name: `threshold ${labelText(line.labels)}`.trim() }));
    return { lines: [...measured.lines, ...lines], cost: measured.cost };
  });
  drawn.mark(marks);
  if (outcome instanceof api.Away) throw outcome;
}

const comparison = ({ measured, operator, threshold, partly }: Compared) =>
  `${measured}${threshold === undefined ? '' : `, fires ${operator} ${threshold}`}${partly ? ' (the first condition of several)' : ''}`;
