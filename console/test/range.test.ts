import { describe, expect, it, vi } from 'vitest';
import { range } from '../src/api.ts';
import { isRanged, readAddress, spanOf, writeAddress } from '../src/parts/address.ts';
import { gridOf, lengthText, MOST_STEPS, PRESETS, rateWindow, readLength, shifted, stepFor, widened } from '../src/parts/range.ts';

describe('a grid', () => {
  it.each([...PRESETS.map(([, seconds]) => seconds), 1, 77_760_000, 315_360_000])('of %d s has few steps', (seconds) =>
    expect(seconds / stepFor(seconds)).toBeLessThanOrEqual(MOST_STEPS));
  it('is of whole steps, and ends at now all the same', () =>
    expect(gridOf({ from: 10_000_000 - 604_800 + 7, to: 10_000_000 + 7 })).toEqual({
      from: 9_395_207, to: 10_000_007, step: 1_800, start: 9_394_200, end: 9_999_000, tail: true,
    }));
  it('of seconds needs no tail', () => expect(gridOf({ from: 100.5, to: 400.5 })).toMatchObject({ start: 100, end: 400, tail: false }));
});

it('a rate looks back a minute, or four steps', () => expect([1, 15, 60, 1_800].map(rateWindow)).toEqual(['60s', '60s', '240s', '7200s']));

describe('a span', () => {
  it('moves by its half', () => expect(shifted({ from: 100, to: 200 }, -1, 500)).toEqual({ from: 50, to: 150 }));
  it('does not move past now', () => expect(shifted({ from: 100, to: 200 }, 1, 210)).toEqual({ from: 110, to: 210 }));
  it('widens up to now', () => expect(widened({ from: 100, to: 200 }, 210)).toEqual({ from: 10, to: 210 }));
});

it.each([['15m', 900], ['7d', 604_800], ['90s', 90]] as const)('%s is %d s', (text, seconds) =>
  expect([readLength(text), lengthText(seconds)]).toEqual([seconds, text]));
it.each(['', '0m', '-5m', '5', 'm', '1e9d'])('%j is no length', (text) => expect(readLength(text)).toBeUndefined());

describe('an address', () => {
  const full = { page: 'explore' as const, length: 3_600, zoom: { from: 10.25, to: 20 }, host: 'a&b?#c', queries: ['a{x="1"} + 2', 'b\n?'], as: 'graph' as const, stacked: false, search: '', selector: '', sort: 'state', state: '', by: 'silence', view: 'active' as const, group: 'alertname', rule: '', dashboard: '', chosen: {} };
  it('comes back as it was written', () => expect(readAddress(writeAddress(full))).toEqual(full));
  it.each(['', '#', '#nowhere', '#overview?range=x&from=9&to=3'])("%j is the host's page", (hash) =>
    expect(readAddress(hash)).toEqual({ page: 'host', length: 900, zoom: undefined, host: '', queries: [], as: 'graph' as const, stacked: false, search: '', selector: '', sort: 'state', state: '', by: 'silence', view: 'active' as const, group: 'alertname', rule: '', dashboard: '', chosen: {} }));
  it('of alerts says the part and the rule', () => {
    const alerts = { ...full, page: 'alerts' as const, queries: [], view: 'rules' as const, rule: 'disks/Disk full#2' };
    expect(readAddress(writeAddress(alerts))).toEqual(alerts);
    expect([alerts, { ...alerts, rule: '' }, { ...alerts, view: 'history' as const, rule: '' }, full].map(isRanged)).toEqual([true, false, true, true]);
  });
  it('of before is understood', () => expect(readAddress('#alerts').page).toBe('alerts'));
  it('moves with now unless it is zoomed', () => {
    expect(spanOf(readAddress('#?range=5m'), 1_000)).toEqual({ from: 700, to: 1_000 });
    expect(spanOf(readAddress('#?from=1&to=2'), 1_000)).toEqual({ from: 1, to: 2 });
  });
});

it('the newest point is asked for beside long steps', async () => {
  vi.stubGlobal('fetch', async (path: string) => {
    const metric = path.includes('query_range') ? { a: '1', b: '2' } : { b: '2', a: '1' };
    const result = path.includes('query_range') ? [{ metric, values: [[1_800, '4']] }] : [{ metric, value: [2_500, '5'] }, { metric: { a: '2' }, value: [2_500, '6'] }];
    return new Response(JSON.stringify({ status: 'success', data: { result } }));
  });
  const lines = await range('x', { from: 0, to: 2_500, start: 0, end: 1_800, step: 1_800, tail: true });
  expect(lines.map(({ points }) => points)).toEqual([[[1_800, 4], [2_500, 5]], [[2_500, 6]]]);
  vi.unstubAllGlobals();
});
