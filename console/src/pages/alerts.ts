// The page of alerts: what fires, silences, the rules behind it, who was told, and what happened before.

import { joined, showActive, startActive } from '../alerts/active.ts';
import { labelText } from '../alerts/matchers.ts';
import { startReplay } from '../alerts/replaying.ts';
import { button, element, state, table } from '../alerts/rows.ts';
import { showRule, showRules } from '../alerts/ruling.ts';
import { fillSilence, showSilences, watchSilenceForm } from '../alerts/silencing.ts';
import * as api from '../api.ts';
import { go, here, spanOf, VIEWS, writeAddress, type Address, type View } from '../parts/address.ts';
import { timeText } from '../parts/clock.ts';

/** The past is looked at by the day, unless it is said otherwise. */
const DAY_S = 86_400;
const TITLES: Record<View, string> = { active: 'Active', silences: 'Silences', rules: 'Rules', told: 'Who was told', history: 'History' };

/** Asks for what its part needs and shows what is answered: where nobody can be told, what fires is there all the same. */
export async function refreshAlerts(address: Address): Promise<void> {
  const hash = location.hash;
  showViews(address);
  const span = spanOf(address);
  const past = address.view === 'told' || address.view === 'history' || address.rule !== '';
  const [alerts, groups, silences, told, letters, history] = await Promise.allSettled([
    api.alerts(),
    api.ruleGroups(),
    api.silences(),
    api.toldAlerts([]),
    address.view === 'told' ? api.deadLetters() : [],
    past ? api.alertHistory(span.from, span.to) : {},
  ]);
  // What was asked for another part of the page is not shown in this one.
  if (location.hash !== hash) return;
  // Nothing of the page is served to who lacks the scope, or without alerting.
  if (alerts.status === 'rejected') throw alerts.reason;
  const active = joined(alerts.value, valueOf(told) ?? []);
  countIn('active', active.length);
  countIn('silences', valueOf(silences)?.filter(({ status }) => status.state !== 'expired').length ?? 0);
  countIn('rules', valueOf(groups)?.reduce((sum, group) => sum + group.rules.length, 0) ?? 0);
  const failed = [groups, silences, told, letters, history].find((part) => part.status === 'rejected');
  const was: api.History = valueOf(history) ?? {};
  const partial = element('alerts-partial');
  partial.textContent = was.warnings?.join(' ') ?? (failed ? String((failed.reason as Error).message) : '');
  partial.hidden = !partial.textContent;
  if (address.view === 'active') showActive(active, silence);
  if (address.view === 'silences') showSilences(valueOf(silences) ?? []);
  if (address.view === 'told') showNotifications(was.notifications ?? [], valueOf(letters) ?? []);
  if (address.view === 'history') showHistory(was.states ?? [], address.search);
  if (address.view === 'rules' && !(await showRule(valueOf(groups) ?? [], address, was))) showRules(valueOf(groups) ?? [], address.search);
}

const valueOf = <T>(part: PromiseSettledResult<T>): T | undefined => (part.status === 'fulfilled' ? part.value : undefined);

function showViews(address: Address): void {
  for (const view of VIEWS) {
    element(`alerts-${view}`).hidden = view !== address.view;
    const link = document.querySelector<HTMLAnchorElement>(`#alerts-views [data-view="${view}"]`)!;
    // A quarter of an hour of history is mostly empty.
    const length = view === 'told' || view === 'history' ? Math.max(address.length, DAY_S) : address.length;
    link.setAttribute('href', writeAddress({ ...address, view, length, rule: '', search: '' }));
    if (view === address.view) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
  const search = element<HTMLInputElement>('alerts-search');
  if (document.activeElement !== search) search.value = address.search;
  element('alerts-choices').hidden = address.view === 'silences' || address.view === 'told' || address.rule !== '';
  element('alerts-by-label').hidden = address.view !== 'active';
  element('alerts-count').hidden = address.view !== 'active';
}

function countIn(view: View, count: number): void {
  document.querySelector(`#alerts-views [data-view="${view}"]`)!.textContent = `${TITLES[view]} (${count.toLocaleString('en')})`;
}

/** Goes to the form of silences with an alert's labels. */
function silence(labels: api.Labels): void {
  go({ view: 'silences', search: '' });
  fillSilence(labels);
}

const timeOf = (millis: number) => timeText(millis / 1000);

function showNotifications(sent: api.Sent[], letters: api.DeadLetter[]): void {
  const row = (one: api.Sent, last: string | Node) => [
    timeOf(one.at_ms),
    one.receiver,
    labelText({ ...one.common_labels, ...one.group_labels }),
    `${one.firing} firing, ${one.resolved} resolved`,
    one.refused ? `refused: ${one.refused}` : 'told',
    last,
  ];
  const dead = letters.map(({ id, sent: one }) => row(one, button('Send again', `Send dead letter ${id} again`, () => api.sendAgain(id))));
  const told = sent.filter((one) => !letters.some((letter) => letter.sent.key === one.key)).map((one) => row(one, ''));
  table('alerts-notifications', ['When', 'Receiver', 'Labels', 'Alerts', 'Outcome', ''], [...dead, ...told], 'Nobody was told of anything in this range.');
}

function showHistory(states: api.Happening[], search: string): void {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (entry: api.Happening) => `${entry.what} ${labelText(entry.labels ?? {})} ${entry.source ?? ''}`.toLowerCase();
  const found = states.filter((entry) => words.every((word) => text(entry).includes(word)));
  const rows = found.reverse().map((entry) => [
    timeOf(entry.at_ms),
    state(entry.what.replaceAll('_', ' ')),
    entry.labels?.alertname ?? entry.source ?? '',
    labelText(entry.labels ?? {}, ['alertname']),
  ]);
  table('alerts-changes', ['When', 'What', 'Alert', 'Labels'], rows, search ? 'Nothing is like this in this range.' : 'Nothing happened in this range.');
}

/** To be called once. */
export function startAlerts(): void {
  for (const view of VIEWS) {
    const link = document.createElement('a');
    link.dataset.view = view;
    link.textContent = TITLES[view];
    element('alerts-views').append(link);
  }
  const search = element<HTMLInputElement>('alerts-search');
  search.addEventListener('input', () => {
    history.replaceState(null, '', writeAddress({ ...here(), search: search.value }));
    window.dispatchEvent(new Event('look-again'));
  });
  element('alerts-choices').addEventListener('submit', (event) => event.preventDefault());
  startActive();
  startReplay();
  watchSilenceForm();
}

