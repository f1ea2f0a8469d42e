import { explained } from '../src/explore/explain.ts';
import { describe, expect, it } from 'vitest';
import { csv } from '../src/parts/download.ts';
import { placeOf } from '../src/parts/place.ts';
import { withWindow } from '../src/parts/range.ts';

describe('the place of a mistake', () => {
  it.each([
    ['invalid parameter "query": 1:5: parse error: unexpected end of input', 'sum(', [4, 5]],
    ['1:1: parse error: unknown function', 'sumx(up)', [0, 4]],
    ['invalid parameter "query": 2:2: parse error: unexpected ")"', 'a +\n )', [5, 6]],
    ['9:9: parse error: x', 'up', [2, 3]],
    ['out of memory', 'up', undefined],
  ] as const)('of %j in %j', (message, text, place) => expect(placeOf(message, text)).toEqual(place));
});

it('a window leaves places as they are', () =>
  expect(['rate(x[$window]) + )', 'y'].map((text) => withWindow(text, 86_400))).toEqual(['rate(x[345600s]) + )', 'y']));
it('a short window too', () => expect(withWindow('[$window]', 1)).toBe('[60s    ]'));

it('a sheet has a row for each time', () =>
  expect(csv([{ query: 'x', lines: [{ labels: { __name__: 'x', a: '1' }, points: [[0, 1], [60, 2]] }, { labels: { __name__: 'y' }, points: [[60, 3]] }] }])).toBe(
    'time,"x{a=""1""}","y"\r\n1970-01-01T00:00:00.000Z,1,\r\n1970-01-01T00:01:00.000Z,2,3\r\n'.replace('time', '"time"'),
  ));

it('what an answer took is said in words', () => {
  const cost = { series: 2, samples: 1_200, seconds: 0.0042, tiers: ['raw'], kept: 0, evaluated: 61, warnings: [], watermark: 990 };
  expect(explained(cost, 10, 1_000)).toBe('a value every 10 s, read 1,200 samples of 2 series, from samples as they came, in 4.2 ms');
  const kept = { ...cost, series: 0, samples: 0, kept: 60, evaluated: 1, tiers: ['5m'], watermark: 400, warnings: ['no rate of a gauge'] };
  expect(explained(kept, 300, 1_000)).toBe(
    'a value every 5 min, read nothing anew, from the tier of 5m, in 4.2 ms, 60 of 61 steps were kept from before, data of all senders are there until 10 min ago. no rate of a gauge',
  );
});
