// What fires and waits, put together by a label or as people are told of it.

import * as api from '../api.ts';
import { go, here } from '../parts/address.ts';
import { ago, format } from '../parts/format.ts';
import { labelText } from './matchers.ts';
import { button, element, fill, keepingFocus, state, type Cell } from './rows.ts';

/** Groups that are shown, and alerts of each. */
const MOST_GROUPS = 100;
export const BY_RECEIVER = 'receiver of notifications';

export type Active = api.Alert & { told: api.Told | undefined };
export type Group = { name: string; alerts: Active[] };

const keyOf = (labels: api.Labels) => JSON.stringify(Object.entries(labels).sort());
const closed = new Set<string>();

/** Alerts with what the notifier knows of each; what others have sent to it is there too. */
export function joined(alerts: api.Alert[], told: api.Told[]): Active[] {
  const known = new Map(told.map((one) => [keyOf(one.labels), one]));
  const own = alerts.map((alert) => ({ ...alert, told: known.get(keyOf(alert.labels)) }));
  const ours = new Set(alerts.map(({ labels }) => keyOf(labels)));
  const others = told.filter(({ labels }) => !ours.has(keyOf(labels)));
  return [...own, ...others.map((one): Active => ({ labels: one.labels, annotations: {}, state: 'firing', activeAt: one.startsAt, value: 'NaN', told: one }))];
}

const rank = ({ state: one, late, told }: Active) => (told?.status.state === 'suppressed' ? 2 : late ? 1 : one === 'firing' ? 0 : 3);

/** Groups with what fires first; an alert without the label is in a group of its own name. */
export function grouped(alerts: Active[], by: string): Group[] {
  const groups = new Map<string, Active[]>();
  const namesOf = ({ labels, told }: Active) => (by === BY_RECEIVER ? (told?.receivers.map(({ name }) => name) ?? ['nobody yet']) : [labels[by] ?? `no ${by}`]);
  for (const alert of alerts) for (const name of namesOf(alert)) groups.set(name, [...(groups.get(name) ?? []), alert]);
  for (const some of groups.values()) some.sort((a, b) => rank(a) - rank(b) || a.activeAt.localeCompare(b.activeAt));
  const worst = ({ alerts: [first] }: Group) => (first ? rank(first) : 9);
  return [...groups].map(([name, some]) => ({ name, alerts: some })).sort((a, b) => worst(a) - worst(b) || b.alerts.length - a.alerts.length || a.name.localeCompare(b.name));
}

/** Alerts that have every word in a label or an annotation. */
export function searched(alerts: Active[], search: string): Active[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const text = ({ labels, annotations, state: one }: Active) => `${labelText(labels)} ${Object.values(annotations).join(' ')} ${one}`.toLowerCase();
  return words.length === 0 ? alerts : alerts.filter((alert) => words.every((word) => text(alert).includes(word)));
}

export function showActive(alerts: Active[], silence: (labels: api.Labels) => void): void {
  const { group, search } = here();
  offer(alerts, group);
  const found = searched(alerts, search);
  const groups = grouped(found, group);
  const box = element('alerts-groups');
  const none = document.createElement('p');
  none.className = 'empty';
  none.textContent = alerts.length > 0 ? 'No alert is like this.' : 'Nothing fires or waits.';
  const made = groups.slice(0, MOST_GROUPS).map((one) => groupBox(one, silence));
  keepingFocus(box, () => box.replaceChildren(...(made.length > 0 ? made : [none])));
  element('alerts-count').textContent = `${found.length === alerts.length ? '' : `${found.length} of `}${alerts.length} alerts in ${groups.length} groups${groups.length > MOST_GROUPS ? `, ${MOST_GROUPS} shown` : ''}`;
}

/** The labels that alerts can be put together by. */
function offer(alerts: Active[], group: string): void {
  const labels = [...new Set(['alertname', ...alerts.flatMap((alert) => Object.keys(alert.labels))])].sort();
  const choices = [BY_RECEIVER, ...labels, ...(labels.includes(group) || group === BY_RECEIVER ? [] : [group])];
  const picker = element<HTMLSelectElement>('alerts-by');
  if ([...picker.options].map(({ value }) => value).join('\n') !== choices.join('\n')) picker.replaceChildren(...choices.map((one) => new Option(one, one)));
  picker.value = group;
}

function groupBox({ name, alerts }: Group, silence: (labels: api.Labels) => void): HTMLElement {
  const box = document.createElement('details');
  box.className = 'alert-group';
  box.open = !closed.has(name);
  box.addEventListener('toggle', () => (box.open ? closed.delete(name) : closed.add(name)));
  const title = document.createElement('summary');
  const count = document.createElement('span');
  count.className = 'count';
  count.textContent = countsOf(alerts);
  title.append(name, count);
  const table = document.createElement('table');
  fill(table, ['State', 'Alert', 'Summary', 'Labels', 'Value', 'Since', ''], alerts.map((alert) => cells(alert, silence)), '');
  const scroll = document.createElement('div');
  scroll.className = 'scroll';
  scroll.append(table);
  box.append(title, scroll);
  return box;
}

function countsOf(alerts: Active[]): string {
  const words = new Map<string, number>();
  for (const alert of alerts) words.set(wordOf(alert), (words.get(wordOf(alert)) ?? 0) + 1);
  return [...words].map(([word, count]) => `${count} ${word}`).join(', ');
}

function wordOf({ state: one, late, told }: Active): string {
  if (told?.status.silencedBy.length) return 'silenced';
  if (told?.status.inhibitedBy.length) return 'inhibited';
  return late ? 'late' : one;
}

function cells(alert: Active, silence: (labels: api.Labels) => void): Cell[] {
  return [
    state(wordOf(alert)),
    alert.labels.alertname ?? '',
    alert.annotations.summary ?? alert.annotations.description ?? '',
    labelText(alert.labels, ['alertname']),
    format(Number(alert.value), 'number'),
    ago(Date.parse(alert.activeAt) / 1000),
    button('Silence …', `Silence ${labelText(alert.labels)}`, async () => silence(alert.labels)),
  ];
}

/** To be called once. */
export function startActive(): void {
  const picker = element<HTMLSelectElement>('alerts-by');
  picker.addEventListener('change', () => go({ group: picker.value }));
}
