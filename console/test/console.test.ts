import { describe, expect, it, vi } from 'vitest';
import { found } from '../src/pages/catalogue.ts';
import { labelText, matcherText, readMatchers } from '../src/alerts/matchers.ts';
import { labelValues, TokenNeeded, useToken } from '../src/api.ts';
import { applicationMetrics, hostCharts, questionOf } from '../src/pages/hosts.ts';
import { useClock } from '../src/parts/clock.ts';
import { ago, format } from '../src/parts/format.ts';

describe('format', () => {
  it.each([
    [0.1234, 'ratio', '12.3 %'],
    [1536, 'bytes', '1.5 KiB'],
    [0, 'bytes/s', '0 B/s'],
    [1_250_000, '1/s', '1.25 M/s'],
    [0.0123, 'seconds', '12.3 ms'],
    [5_400, 'seconds', '1.5 h'],
    [250, 'milliseconds', '250 ms'],
    [1_795_753_250, 'time', '2026-11-27 04:20:50'],
    [null, 'number', '–'],
  ] as const)('%s as %s is %s', (value, unit, text) => {
    useClock({ zone: 'UTC', hours: '24' });
    expect(format(value, unit)).toBe(text);
  });
});

describe('matchers', () => {
  it('come back as they are written', () => {
    const text = 'alertname="Disk" team=~"db|web" host!="a\\"b" pool!~"x"';
    expect(readMatchers(text).map(matcherText).join(' ')).toBe(text);
  });
  it('of regular expressions keep their backslashes', () =>
    expect(readMatchers(String.raw`team=~"a\.b" my-label="x"`).map(({ name, value }) => [name, value])).toEqual([['team', 'a\\.b'], ['my-label', 'x']]));
  it('are read as people write them', () =>
    expect(readMatchers('alertname=Disk, team = "db"').map(matcherText)).toEqual(['alertname="Disk"', 'team="db"']));
  it('are made of the labels of an alert', () =>
    expect(readMatchers(labelText({ alertname: 'A', text: '<img> "x" \\ \t\n' })).map(({ value }) => value)).toEqual(['A', '<img> "x" \\ \t\n']));
  it.each(['', 'alertname', 'alertname=', 'a="b" c', 'a="b'])('refuses %j', (text) => expect(() => readMatchers(text)).toThrow('Write matchers'));
});

it.each([[95, '5 s ago'], [-500, '10 min ago'], [-9_900, '3 h ago'], [-999_900, '12 d ago'], [150, '0 s ago']])('%d is %s', (second, text) =>
  expect(ago(second, 100)).toBe(text));

describe('questions', () => {
  it('quotes host names', () => expect(hostCharts('a"b')[0]!.promql).toContain('host="a\\"b"'));
  it('asks counters for rates', () => expect(questionOf('jobs', 'counter')).toBe('rate(jobs[$window])'));
  it.each([['load', 'gauge', 'load'], ['x_total', '', 'rate(x_total[$window])'], ['a.b"', 'gauge', '{"a.b\\""}']])('asks for %s, a %s', (name, type, promql) =>
    expect(questionOf(name, type)).toBe(promql));
  it('finds metrics by words, those of applications first', () => {
    const metric = (name: string, type: string, own: boolean) => ({ name, type, unit: '', help: '', series: 1, own });
    const all = [metric('a_jobs', 'gauge', false), metric('jobs_b', 'counter', true), metric('z', 'gauge', true)];
    expect([found(all, ''), found(all, ' JOBS'), found(all, 'jobs gauge')].map((some) => some.map(({ name }) => name))).toEqual([['jobs_b', 'z', 'a_jobs'], ['jobs_b', 'a_jobs'], ['a_jobs']]);
  });
  it('leaves out what is not an application metric', () =>
    expect(applicationMetrics(['system_x', 'jobs_count', 'latency', 'latency_count', 'weir_y'])).toEqual(['jobs_count', 'latency']));
});

it('shows a token once it is given, and asks for one until then', async () => {
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', async (_: string, options: RequestInit) => {
    const shown = new Headers(options.headers).get('authorization');
    asked.push(shown);
    const body = shown ? { status: 'success', data: [] } : { status: 'error', error: 'no token' };
    return new Response(JSON.stringify(body), { status: shown ? 200 : 401 });
  });
  await expect(labelValues('host')).rejects.toThrow(TokenNeeded);
  useToken(' abc \n');
  await expect(labelValues('host')).resolves.toEqual([]);
  expect(asked).toEqual([null, 'Bearer abc']);
  vi.unstubAllGlobals();
});
