import { describe, expect, it } from 'vitest';
import { nextSort, rowsSeen } from '../src/pages/fleet.ts';
import { readAddress, writeAddress } from '../src/parts/address.ts';
import { shareText } from '../src/parts/format.ts';

describe('the fleet', () => {
  it('makes rows for what is seen alone', () => {
    expect(rowsSeen(0, 280, 100_000)).toEqual([0, 20]);
    expect(rowsSeen(28_000, 280, 100_000)).toEqual([990, 1_020]);
    expect(rowsSeen(2_799_720, 280, 100_000)).toEqual([99_980, 100_000]);
    expect(rowsSeen(28_000, 280, 3)).toEqual([3, 3]);
  });
  it('never rounds what is lost away', () =>
    expect([shareText(0.999_999_9), shareText(1), shareText(null)]).toEqual(['99.9999 %', '100 %', '–']));
  it('is sorted as is usual for a column, then up, then down', () => {
    expect(['state', 'lost', 'lost-asc', 'lost-desc'].map((now) => nextSort(now, 'lost'))).toEqual(['lost', 'lost-asc', 'lost-desc', 'lost']);
  });
  it('has its search, order and state in the address', () => {
    const address = { ...readAddress('#fleet'), search: 'web', sort: 'lost-asc', state: 'silent' };
    expect(readAddress(writeAddress(address))).toEqual(address);
  });
});
