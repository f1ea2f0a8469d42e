import { describe, expect, it } from 'vitest';
import { format } from '../src/parts/format.ts';
import { chosen, fullName, lineNames } from '../src/parts/legend.ts';
import { lonely, table } from '../src/parts/table.ts';
import { ticksOf } from '../src/parts/ticks.ts';
import { unitOf, unitOfQuery } from '../src/parts/unit.ts';

describe('ticks', () => {
  it.each([
    [0, 200_000, 'bytes/s', '0 B/s, 64 KiB/s, 128 KiB/s, 192 KiB/s, 256 KiB/s'],
    [0, 7.5 * 2 ** 30, 'bytes', '0 B, 2 GiB, 4 GiB, 6 GiB, 8 GiB'],
    [0, 1.005, 'ratio', '0 %, 25 %, 50 %, 75 %, 100 %'],
    [0, 0.31, 'ratio', '0 %, 10 %, 20 %, 30 %, 40 %'],
    [0, 0.00017, 'seconds', '0 s, 50 µs, 100 µs, 150 µs, 200 µs'],
    [0, 7_000, 'seconds', '0 s, 30 min, 1 h, 1.5 h, 2 h'],
    [-3, 4, 'number', '-4, -2, 0, 2, 4'],
    [0, 0, 'number', '0, 1'],
    [NaN, Infinity, 'number', '0, 1'],
  ] as const)('from %d to %d in %s', (low, high, unit, texts) =>
    expect(ticksOf(low, high, unit).map((tick) => format(tick, unit)).join(', ')).toBe(texts));
  it('are the same of what they end at, as an axis asks twice', () => {
    for (const high of [1, 3, 12.7, 99, 4_097]) expect(ticksOf(0, ticksOf(0, high, 'bytes').at(-1)!, 'bytes')).toEqual(ticksOf(0, high, 'bytes'));
  });
});

describe('units', () => {
  it.each([
    ['x_bytes', 'bytes'], ['x_bytes_total', 'bytes/s'], ['x_seconds', 'seconds'], ['cpu_seconds_total', 'ratio'], ['x_ratio', 'ratio'],
    ['jobs_total', '1/s'], ['jobs', 'number'], ['x_boot_time_seconds', 'time'],
  ] as const)('%s is in %s', (name, unit) => expect(unitOf(name)).toBe(unit));
  it('are what was told, before the name', () => expect(unitOf('heap', { type: 'gauge', unit: 'bytes' })).toBe('bytes'));
  it.each([
    ['sum by (host_seconds) (rate(x_bytes_total{a="b_seconds"}[$window]))', 'bytes/s'], ['x_bytes', 'bytes'], ['count(x_bytes)', 'number'],
    ['x_bytes / y_bytes', 'number'], ['x_bytes + y_seconds', 'number'], ['histogram_quantile(0.9, sum(rate(x_seconds[5m])))', 'seconds'], ['1 +', 'number'],
  ] as const)('%s is in %s', (promql, unit) => expect(unitOfQuery(promql)).toBe(unit));
});

describe('names of lines', () => {
  it('have the labels that differ', () =>
    expect(lineNames([{ __name__: 'x', host: 'a', mode: 'user' }, { __name__: 'x', host: 'a', mode: 'idle' }])).toEqual(['user', 'idle']));
  it('have the metric where it differs', () =>
    expect(lineNames([{ __name__: 'x', host: 'a' }, { __name__: 'y', host: 'a' }])).toEqual(['x', 'y']));
  it('fall back to the metric', () => expect(lineNames([{ __name__: 'x', host: 'a' }])).toEqual(['x']));
  it('are told apart where values are the same', () =>
    expect(lineNames([{ from: 'a' }, { to: 'a' }, {}])).toEqual(['{from="a"}', '{to="a"}', '{}']));
  it('see a label that others lack', () => expect(lineNames([{ a: '1' }, { a: '1', b: '2' }])).toEqual(['{}', '2']));
  it('are full as PromQL has them', () => expect([{ __name__: 'x' }, { __name__: 'x', a: '"' }, {}].map((one) => fullName(one as Record<string, string>))).toEqual(['x', 'x{a="\\""}', '{}']));
});

describe('lines', () => {
  const lines = Array.from({ length: 312 }, (_, at) => ({ labels: { at: String(at) }, points: [[1, at % 100]] as [number, number][] }));
  it('past the most are the highest', () => {
    const { drawn, found } = chosen(lines, '');
    expect([drawn.length, found, Math.min(...drawn.map(({ points }) => points[0]![1]))]).toEqual([50, 312, 83]);
  });
  it('are found by their labels', () => expect(chosen(lines, 'AT= "311"').drawn).toEqual([lines[311]]));
});

describe('a table', () => {
  const grid = { start: 0, end: 30, step: 10 };
  const one = { labels: {}, points: [[0, 1], [30, 2], [34, 3]] as [number, number][] };
  it('has gaps where no line has a point', () => expect(table([one], false, grid)).toEqual([[0, 10, 20, 30, 34], [1, null, null, 2, 3]]));
  it('stacks over gaps of what is below', () =>
    expect(table([one, { labels: {}, points: [[0, 1], [10, 5], [30, NaN]] }], true, grid)[2]).toEqual([2, 5, null, null, null]));
  it('knows points without neighbours', () => expect(lonely([1, null, 2, 3, null, 4])).toEqual([0, 5]));
});
