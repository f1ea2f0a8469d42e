import { isAbout, markOf } from '../src/alerts/happened.ts';
import { expect, it, vi } from 'vitest';
import { BY_RECEIVER, grouped, joined, searched } from '../src/alerts/active.ts';

const alert = (alertname: string, host: string, state: 'firing' | 'pending' = 'firing') => ({ labels: { alertname, host }, annotations: { summary: `of ${host}` }, state, activeAt: '2026-01-01T00:00:00Z', value: '1' });
const told = (alertname: string, host: string, receiver: string, silencedBy: string[] = []) => ({
  labels: { host, alertname }, startsAt: '2026-01-01T00:00:00Z', receivers: [{ name: receiver }], status: { state: silencedBy.length ? 'suppressed' : 'active', silencedBy, inhibitedBy: [] },
});
const all = joined([alert('Disk', 'a'), alert('Disk', 'b'), alert('Load', 'a', 'pending')], [told('Disk', 'a', 'ops', ['1']), told('Disk', 'b', 'ops'), told('Foreign', 'c', 'db')]);

it('alerts are joined with what the notifier knows, and those of others come too', () => {
  expect(all.map(({ labels, told: known }) => [labels.alertname, labels.host, known?.status.state])).toEqual([
    ['Disk', 'a', 'suppressed'], ['Disk', 'b', 'active'], ['Load', 'a', undefined], ['Foreign', 'c', 'active'],
  ]);
});

it('groups have what fires first, then by size', () => {
  const names = (by: string) => grouped(all, by).map(({ name, alerts }) => `${name} ${alerts.map(({ labels }) => labels.host).join('')}`);
  expect(names('alertname')).toEqual(['Disk ba', 'Foreign c', 'Load a']);
  expect(names('team')).toEqual(['no team bcaa']);
  expect(names(BY_RECEIVER)).toEqual(['ops ba', 'db c', 'nobody yet a']);
});

it('every word is looked for', () => {
  expect(searched(all, 'DISK "b"').length).toBe(1);
  expect(searched(all, 'pending').map(({ labels }) => labels.alertname)).toEqual(['Load']);
  expect(searched(all, '').length).toBe(4);
});

it('an alert is about lines that have a label alike and none of another value', () => {
  const lines = [{ labels: { host: 'a', mode: 'idle' }, points: [] }];
  const check = (labels: Record<string, string>, expected: boolean) => expect(isAbout({ alertname: 'A', ...labels }, lines), JSON.stringify(labels)).toBe(expected);
  check({ host: 'a' }, true);
  check({ host: 'b' }, false);
  check({ host: 'a', mode: 'user' }, false);
  check({ host: 'a', disk: 'x' }, true);
  check({ severity: 'page' }, false);
});

it('an event is a mark that says what happened where', () => {
  vi.stubGlobal('location', { hash: '#host' });
  const mark = markOf({ id: '1', kind: 'event', timestamp: 10, title: 'Deployed 1.2', text: 'by hand', status: null, alert_type: 'info', host: 'web-1', tags: ['app:shop'] });
  vi.unstubAllGlobals();
  expect([mark.from, mark.to, mark.kind]).toEqual([10, 10, 'event']);
  expect(mark.text).toContain('Deployed 1.2 · on web-1 · by hand · app:shop');
});
