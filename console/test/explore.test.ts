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
