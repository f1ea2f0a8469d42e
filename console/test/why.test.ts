import { describe, expect, it } from 'vitest';
import { asPromql, selectorsIn } from '../src/explore/selectors.ts';
import { linksOf, valueOf } from '../src/pages/why.ts';
import { isRanged, readAddress, writeAddress } from '../src/parts/address.ts';

describe('the metrics of an expression', () => {
  it.each([
    ['up', ['up']],
    ['sum by (cpu_mode) (rate(cpu_seconds_total{host="a"}[5m] offset 1h)) / on (host) group_left (pool) up', ['cpu_seconds_total{host="a"}', 'up']],
    ['a and b or c unless on(host) d > bool 1e3', ['a', 'b', 'c', 'd']],
    ['{"k6.http_reqs", host="}"} + {__name__="x",a=~"b|c"} + {a="b"}', ['{"k6.http_reqs", host="}"}', '{__name__="x",a=~"b|c"}']],
    ['label_replace(up, "dst", "$1", "src", "(.*)") # by hand: down', ['up']],
    ['rate(jobs_done[$window]) > 5 and rate(jobs_done[$window]) < Inf', ['jobs_done']],
    ['topk without (host) (3, a:b:rate5m @ end())', ['a:b:rate5m']],
    ['vector(1) + time()', []],
  ])('%s', (promql, found) => expect(selectorsIn(promql)).toEqual(found));
  it('is asked for by the name that its sender has', () =>
    expect(['k6.http_reqs', 'up', 'up{a="b"}', '{"x.y"}'].map(asPromql)).toEqual(['{"k6.http_reqs"}', 'up', 'up{a="b"}', '{"x.y"}']));
});

describe('a station', () => {
  const links = (station: string, selector: string, verdict = 'silent') => linksOf(station, { selector, verdict });
  it('of the sender leads to its agents', () => {
    expect(links('sender', 'up{pool="x",host="a\\"b"}').map(([, to]) => to)).toEqual([{ page: 'fleet', search: 'a"b', state: '' }, { page: 'host', host: 'a"b' }]);
    expect(links('sender', 'up{host="a"}', 'no_agent').map(([text]) => text)).toEqual(['agents like it']);
    expect(links('sender', 'up{host=~"a.*"}')).toEqual([['agents', { page: 'fleet' }]]);
  });
  it('of the store leads to its chart', () => expect(links('store', 'k6.reqs')).toEqual([['explore', { page: 'explore', queries: ['{"k6.reqs"}'] }]]));
  it('is not told another label for the host', () => expect([valueOf('up{myhost="a"}', 'host'), valueOf('up{a="b", host = "c"}', 'host')]).toEqual(['', 'c']));
});

it('the selector is in the address, and the end of the range is when it is looked for', () => {
  const address = { ...readAddress('#why?from=10&to=20'), selector: 'up{host="a&b"}' };
  expect(readAddress(writeAddress(address))).toEqual(address);
  expect(isRanged(address)).toBe(true);
  expect(writeAddress({ ...address, page: 'metrics' })).not.toContain('match');
});
