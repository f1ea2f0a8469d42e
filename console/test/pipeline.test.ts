import { describe, expect, it } from 'vitest';
import { readExposition } from '../src/parts/exposition.ts';
import { faultsOf, figuresOf } from '../src/parts/figures.ts';

const reading = (at: number, text: string) => ({ at, samples: readExposition(text) });

it('reads the text of /metrics', () =>
  expect(readExposition('# HELP x y\n# TYPE x counter\nx 1\nx{a="b\\"}{,",c="\\\\n"} 2.5e3 1700000000\ny +Inf\nbroken\n\n')).toEqual([
    { name: 'x', labels: {}, value: 1 },
    { name: 'x', labels: { a: 'b"}{,', c: '\\n' }, value: 2_500 },
    { name: 'y', labels: {}, value: Infinity },
  ]));

describe('figures', () => {
  const stage = {
    title: 'S',
    figures: [
      { title: 'grows', metric: 'a_total', unit: '1/s', how: 'growth', bad: (value: number) => value > 1 },
      { title: 'most', metric: 'b', unit: 'seconds', how: 'highest' },
      { title: 'absent', metric: 'c', unit: 'number' },
    ] as const,
  };
  const at = (first: number) => `a_total{x="1"} ${first}\na_total{x="2"} 5\nb{x="1"} 3\nb{x="2"} 7\n`;
  const figures = (now: string, before?: string) => figuresOf({ ...stage, figures: [...stage.figures] }, reading(20, now), before === undefined ? undefined : reading(10, before));
  it('are sums, highest values and growth', () =>
    expect(figures(at(35), at(5))).toEqual([{ title: 'grows', text: '3/s', bad: true }, { title: 'most', text: '7 s', bad: false }]));
  it('of growth are unknown at first, and after a restart', () =>
    expect([figures(at(5)), figures(at(1), at(5))].map(([grows]) => grows?.text)).toEqual(['–', '–']));
});

it('faults of now stand before those of once', () =>
  expect(
    faultsOf(reading(20, 'weir_x_refused_total{reason="a"} 90\nweir_y_lost_total 6\nweir_z_lost_total 0\nweir_good_total 5\nweir_step_failing{step="sink"} 1'), reading(10, 'weir_x_refused_total{reason="a"} 90\nweir_y_lost_total 1')),
  ).toEqual([
    { name: 'weir_y_lost_total', total: 6, perSecond: 0.5 },
    { name: 'weir_x_refused_total{reason="a"}', total: 90, perSecond: 0 },
    { name: 'weir_step_failing{step="sink"}', total: 1, perSecond: undefined },
  ]));
