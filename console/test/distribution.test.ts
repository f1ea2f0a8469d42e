import { describe, expect, it } from 'vitest';
import type { Bucket, Line } from '../src/api.ts';
import { cellsOf, extentOf, quantile, stepsOf } from '../src/parts/distribution.ts';
import { heatOf } from '../src/parts/heat.ts';

const native = (host: string, ...buckets: Bucket[]): Line => ({ labels: { host }, points: [], histograms: [[10, buckets]] });

describe('distributions of lines', () => {
  it('are added up', () => expect(stepsOf([native('a', [1, 2, 3], [2, 4, 1]), native('b', [2, 4, 5])], false)).toEqual([{ at: 10, buckets: [[1, 2, 3], [2, 4, 6]] }]));
  const bounds = (le: string, ...values: number[]): Line => ({ labels: { le }, points: values.map((value, at) => [at * 10, value]) });
  const classic = [bounds('+Inf', 9, 9), bounds('1', 2, 2), bounds('5', 7, 9)];
  it('are made of cumulative buckets where that is asked for', () => {
    expect(stepsOf(classic, true)).toEqual([{ at: 0, buckets: [[-Infinity, 1, 2], [1, 5, 5], [5, Infinity, 2]] }, { at: 10, buckets: [[-Infinity, 1, 2], [1, 5, 7]] }]);
    expect(stepsOf(classic, false)).toEqual([]);
  });
  it('are nothing without any', () => expect(heatOf(stepsOf([bounds('1')], true), { start: 0, end: 30, step: 10 })).toBeUndefined());
});

it('percentiles lie within buckets, by powers where both borders are positive', () => {
  const check = (buckets: Bucket[], share: number) => quantile(buckets, share);
  expect(check([[1, 100, 10]], 0.5)).toBeCloseTo(10);
  expect(check([[-10, 10, 10]], 0.25)).toBe(-5);
  expect(check([[1, 2, 9], [2, 4, 1]], 0.9)).toBe(2);
  expect(check([[-Infinity, 5, 1]], 0.5)).toBe(5);
  expect(check([[5, Infinity, 1]], 0.5)).toBe(5);
  expect(check([], 0.5)).toBeNull();
});

describe('an axis', () => {
  it('is logarithmic where values are far apart', () => expect(extentOf([{ at: 0, buckets: [[0.001, 0.002, 1], [1, 2, 1]] }])).toEqual({ low: 0.001, high: 2, isLog: true }));
  it('begins at zero else', () => expect(extentOf([{ at: 0, buckets: [[10, 20, 1], [40, 50, 1]] }])).toEqual({ low: 0, high: 50, isLog: false }));
  it('has no place for infinity', () => expect(extentOf([{ at: 0, buckets: [[-Infinity, 5, 1], [5, Infinity, 1]] }])).toEqual({ low: 0, high: 5, isLog: false }));
  it('leaves the bucket around zero below', () => expect(extentOf([{ at: 0, buckets: [[-1e-39, 1e-39, 1], [0.01, 1, 1]] }])?.low).toBe(0.01));
});

it('cells keep what is in the buckets', () => {
  const steps = [{ at: 10, buckets: [[0, 24, 48], [24, 48, 24]] as Bucket[] }];
  const cells = cellsOf(steps, extentOf(steps)!);
  expect(cells).toHaveLength(48);
  expect(cells.slice(0, 24).every(({ share }) => Math.abs(share - 1) < 1e-6)).toBe(true);
  expect(cells.slice(24).every(({ share }) => Math.abs(share - 0.5) < 1e-6)).toBe(true);
});

it('steps without any are gaps', () => {
  const heat = heatOf([{ at: 10, buckets: [[1, 1, 4]] }], { start: 0, end: 20, step: 10 });
  expect(heat?.data).toEqual([[0, 10, 20], [null, 1, null], [null, 1, null], [null, 1, null]]);
});
