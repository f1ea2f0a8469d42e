// What a dashboard asks: choices of its variables, and the lines of its panels.

import * as api from '../api.ts';
import { fullName } from '../parts/legend.ts';
import type { Grid } from '../parts/range.ts';
import type { Mark } from '../parts/marks.ts';
import type { Annotation, Panel, Target } from './model.ts';
import { chosenOf, filledIn, filtered, type Chosen, type Variable } from './variables.ts';

/** Chooses of each variable in turn: a later one may have an earlier one in its question. */
export async function choose(variables: Variable[], said: Chosen, grid: Grid, failed: (variable: Variable, error: Error) => void): Promise<Chosen> {
  const chosen: Chosen = {};
  for (const variable of variables) {
    if (variable.kind === 'query') {
      try {
        variable.choices = filtered(await answersTo(filledIn(variable.query, variables, chosen, grid), grid), variable.regex, variable.sort);
      } catch (error) {
        failed(variable, error as Error);
      }
    }
    chosen[variable.name] = chosenOf(variable, said[variable.name]);
  }
  return chosen;
}

/** Answers to `label_values(…)`, `label_names()`, `metrics(…)`, `query_result(…)`; anything else is a mistake that is told. */
async function answersTo(query: string, grid: Grid): Promise<string[]> {
  const [, what, inner = ''] = /^\s*(label_values|label_names|metrics|query_result)\s*\((.*)\)\s*$/s.exec(query) ?? [];
  switch (what) {
    case 'label_values': {
      const [, match, label] = /^(?:(.*),)?\s*([\w:.]+)\s*$/s.exec(inner) ?? [];
      if (!label) break;
      return api.labelValues(label, match?.trim());
    }
    case 'label_names':
      return api.labelNames();
    case 'metrics': {
      const pattern = new RegExp(inner.trim() || '.');
      return (await api.labelValues('__name__')).filter((name) => pattern.test(name));
    }
    case 'query_result': {
      const lines = await api.instant(inner, grid.to);
      return lines.map(({ labels, points: [point] }) => `${fullGrafanaName(labels)} ${point?.[1] ?? ''} ${Math.round((point?.[0] ?? 0) * 1000)}`);
    }
  }
  throw new Error(`“${query}” is no question that a variable can ask`);
}

/** As Grafana writes a series that a regex is held against. */
function fullGrafanaName({ __name__: name = '', ...labels }: api.Labels): string {
  return `${name}{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',')}}`;
}

export type Answer = { target: Target; lines: api.Line[]; cost?: api.Cost };

/** The lines of each of a panel's questions, named and turned as the panel has it. */
export async function linesOf(panel: Panel, fill: (text: string) => string, grid: Grid): Promise<Answer[]> {
  return Promise.all(
    panel.targets.map(async (target) => {
      const promql = fill(target.expr);
      const { lines, cost } = target.instant ? { lines: await api.instant(promql, grid.to), cost: undefined } : await api.rangeWhole(promql, grid);
      return { target, ...(cost && { cost }), lines: lines.map((line) => drawnAs(line, named(target.legend && fill(target.legend), line.labels), panel)) };
    }),
  );
}

function drawnAs(line: api.Line, name: string | undefined, { overrides }: Panel): api.Line {
  const plain = name ?? fullName(line.labels);
  const over = overrides.filter(({ matches }) => matches(plain));
  const chosen = over.filter((one) => one.name).at(-1)?.name ?? name;
  const points = over.some(({ negative }) => negative) ? line.points.map(([at, value]): [number, number] => [at, -value]) : line.points;
  return { ...line, points, ...(chosen !== undefined && { name: chosen }) };
}

/** A legend with labels in place of `{{name}}`; one that is empty by it is none. */
export function named(legend: string, labels: api.Labels): string | undefined {
  return legend.replaceAll(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label: string) => labels[label] ?? '').trim() || undefined;
}

/** Annotations as marks: one for each run of steps at which a series has a value that is not zero. One that fails marks nothing. */
export async function annotationMarks(annotations: Annotation[], fill: (text: string) => string, grid: Grid): Promise<Mark[]> {
  const asked = annotations.map(async ({ name, expr, title }) => {
    const lines = await api.range(fill(expr), grid);
    return lines.flatMap((line) => runsOf(line, grid.step).map((at): Mark => ({ from: at, to: at, kind: 'event', text: `${name}: ${named(title, line.labels) ?? fullName(line.labels)}`, href: location.hash })));
  });
  const done = await Promise.allSettled(asked);
  return done.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])).sort((a, b) => a.from - b.from);
}

/** Where values that are not zero begin after a gap. */
export function runsOf({ points }: api.Line, step: number): number[] {
  const there = points.filter(([, value]) => value !== 0).map(([at]) => at);
  return there.filter((at, index) => index === 0 || at - there[index - 1]! > step * 1.5);
}
