// The page of alerts: what fires, the rules behind it, silences, who was told, and what happened before.

import * as api from '../api.ts';
import { ago, format } from '../parts/format.ts';

const MOST_ROWS = 200;
const HISTORY_S = 86_400;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** Asks for all of it and shows what is answered: where nobody can be told, what fires is there all the same. */
export async function refreshAlerts(): Promise<void> {
  const [alerts, groups, silences, letters, history] = await Promise.allSettled([
    api.alerts(),
    api.ruleGroups(),
    api.silences(),
    api.deadLetters(),
    api.alertHistory(Date.now() / 1000 - HISTORY_S),
  ]);
  // Nothing of the page is served to who lacks the scope, or without alerting.
  if (alerts.status === 'rejected') throw alerts.reason;
  showAlerts(alerts.value);
  if (groups.status === 'fulfilled') showGroups(groups.value);
  if (silences.status === 'fulfilled') showSilences(silences.value);
  const told = history.status === 'fulfilled' ? history.value : {};
  showNotifications(told.notifications ?? [], letters.status === 'fulfilled' ? letters.value : []);
  showHistory(told.states ?? []);
  const failed = [groups, silences, letters, history].find((part) => part.status === 'rejected');
  const partial = element('alerts-partial');
  partial.textContent = told.warnings?.join(' ') ?? (failed ? String((failed.reason as Error).message) : '');
  partial.hidden = !partial.textContent;
}

/** One table: a row of headings, and one for each entry. Texts are texts, whatever is in them. */
function table(id: string, headings: string[], rows: (string | Node)[][], none: string): void {
  const row = (kind: 'th' | 'td', cells: (string | Node)[]) => {
    const made = document.createElement('tr');
    for (const content of cells) {
      const cell = document.createElement(kind);
      cell.append(content);
      made.append(cell);
    }
    return made;
  };
  const shown = rows.slice(0, MOST_ROWS).map((cells) => row('td', cells));
  if (rows.length > MOST_ROWS) shown.push(row('td', [`and ${rows.length - MOST_ROWS} more`]));
  const into = element<HTMLTableElement>(id);
  // What has the focus keeps it: its button is another one now, with the same label.
  const focused = into.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null;
  if (rows.length === 0) into.replaceChildren(row('td', [none]));
  else into.replaceChildren(row('th', headings), ...shown);
  if (focused) [...into.querySelectorAll('button')].find((one) => one.getAttribute('aria-label') === focused)?.focus();
}

export function labelText(labels: api.Labels, without: string[] = []): string {
  const shown = Object.entries(labels).filter(([name]) => !without.includes(name));
  return shown.map(([name, value]) => `${name}=${quoted(value)}`).join(' ');
}

function state(word: string): HTMLElement {
  const mark = document.createElement('span');
  mark.className = `state ${word}`;
  mark.textContent = word;
  return mark;
}

function button(text: string, label: string, act: () => Promise<void>): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.setAttribute('aria-label', label);
  made.addEventListener('click', () => void attempt(act));
  return made;
}

/** Does something, shows why it failed if it did, and what is there then. */
async function attempt(act: () => Promise<void>): Promise<void> {
  const problem = element('alerts-problem');
  problem.hidden = true;
  try {
    await act();
    await refreshAlerts();
  } catch (error) {
    problem.textContent = (error as Error).message;
    problem.hidden = false;
  }
}

function showAlerts(alerts: api.Alert[]): void {
  const rank = (alert: api.Alert) => (alert.late ? 1 : alert.state === 'firing' ? 0 : 2);
  alerts.sort((a, b) => rank(a) - rank(b) || a.activeAt.localeCompare(b.activeAt));
  const rows = alerts.map((alert) => [
    state(alert.late ? 'late' : alert.state),
    alert.labels.alertname ?? '',
    alert.annotations.summary ?? alert.annotations.description ?? '',
    labelText(alert.labels, ['alertname']),
    format(Number(alert.value), 'number'),
    ago(Date.parse(alert.activeAt) / 1000),
    button('Silence …', `Silence ${labelText(alert.labels)}`, async () => fillSilence(alert.labels)),
  ]);
  table('alerts-active', ['State', 'Alert', 'Summary', 'Labels', 'Value', 'Since', ''], rows, 'Nothing fires or waits.');
}

function showGroups(groups: api.RuleGroup[]): void {
  const rows = groups.flatMap((group) =>
    group.rules.map((rule) => [
      group.name,
      state(rule.lastError ? 'failing' : rule.type === 'recording' ? 'recording' : (rule.state ?? 'inactive')),
      rule.name,
      code(rule.query),
      rule.type === 'recording' ? '' : String(rule.alerts?.length ?? 0),
      group.lastEvaluation ? ago(Date.parse(group.lastEvaluation) / 1000) : '–',
      format(rule.evaluationTime, 'seconds'),
      rule.lastError ?? '',
    ]),
  );
  table('alerts-rules', ['Group', 'State', 'Rule', 'Expression', 'Alerts', 'Evaluated', 'Took', 'Error'], rows, 'There are no rules.');
}

function code(text: string): HTMLElement {
  const made = document.createElement('code');
  made.textContent = text;
  return made;
}

function showSilences(silences: api.Silence[]): void {
  const kept = silences.filter((silence) => silence.status.state !== 'expired');
  const rows = kept.map((silence) => [
    state(silence.status.state),
    silence.matchers.map(matcherText).join(' '),
    silence.createdBy,
    silence.comment,
    new Date(silence.endsAt).toLocaleString(),
    button('Expire', `Expire the silence of ${silence.matchers.map(matcherText).join(' ')}`, () => api.expire(silence.id)),
  ]);
  table('alerts-silences', ['State', 'Matchers', 'By', 'Comment', 'Until', ''], rows, 'Nothing is silenced.');
}

function showNotifications(sent: api.Sent[], letters: api.DeadLetter[]): void {
  const row = (one: api.Sent, last: string | Node) => [
    ago(one.at_ms / 1000),
    one.receiver,
    labelText({ ...one.common_labels, ...one.group_labels }),
    `${one.firing} firing, ${one.resolved} resolved`,
    one.refused || 'told',
    last,
  ];
  const dead = letters.map(({ id, sent: one }) => row(one, button('Send again', `Send dead letter ${id} again`, () => api.sendAgain(id))));
  const told = sent.filter((one) => !letters.some((letter) => letter.sent.key === one.key)).map((one) => row(one, ''));
  table('alerts-notifications', ['When', 'Receiver', 'Labels', 'Alerts', 'Outcome', ''], [...dead, ...told], 'Nobody was told of anything.');
}

function showHistory(states: api.Happening[]): void {
  const rows = [...states].reverse().map((entry) => [
    new Date(entry.at_ms).toLocaleString(),
    state(entry.what),
    entry.labels.alertname ?? entry.source ?? '',
    labelText(entry.labels, ['alertname']),
  ]);
  table('alerts-history', ['When', 'What', 'Alert', 'Labels'], rows, 'Nothing happened in a day.');
}

export function matcherText(matcher: api.Matcher): string {
  const operator = matcher.isRegex ? (matcher.isEqual ? '=~' : '!~') : matcher.isEqual ? '=' : '!=';
  return `${matcher.name}${operator}${quoted(matcher.value)}`;
}

/** Reads matchers as they are written: `alertname="Disk" team=~"db|web"`. */
export function readMatchers(text: string): api.Matcher[] {
  const matchers: api.Matcher[] = [];
  const one = /\s*,?\s*([^\s,=!~"]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)/y;
  let end = 0;
  for (let found = one.exec(text); found; found = one.exec(text)) {
    const [, name = '', operator = '', value = ''] = found;
    const plain = value.startsWith('"') ? unquoted(value) : value;
    matchers.push({ name, value: plain, isRegex: operator.endsWith('~'), isEqual: operator.startsWith('=') });
    end = one.lastIndex;
  }
  const rest = text.slice(end).replaceAll(/[\s,]/g, '');
  if (rest || matchers.length === 0) throw new Error(`Write matchers such as alertname="Disk" team=~"db|web"${rest && `, not ${rest}`}`);
  return matchers;
}

/** A value as Alertmanager writes it. */
function quoted(value: string): string {
  return `"${value.replaceAll(/["\\\n]/g, (letter) => (letter === '\n' ? '\\n' : `\\${letter}`))}"`;
}

/** A string as Alertmanager reads it: a backslash stands before a quote, a backslash and n; before anything else for itself. */
function unquoted(text: string): string {
  return text.slice(1, -1).replaceAll(/\\(["\\n])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

function fillSilence(labels: api.Labels): void {
  element<HTMLInputElement>('silence-matchers').value = labelText(labels);
  element('silence').dispatchEvent(new Event('input'));
  element<HTMLInputElement>('silence-comment').focus();
}

function wantedSilence(): api.NewSilence {
  const hours = Number(element<HTMLInputElement>('silence-hours').value);
  const now = Date.now();
  return {
    matchers: readMatchers(element<HTMLInputElement>('silence-matchers').value),
    startsAt: new Date(now).toISOString(),
    endsAt: new Date(now + hours * 3_600_000).toISOString(),
    createdBy: element<HTMLInputElement>('silence-by').value || 'console',
    comment: element<HTMLInputElement>('silence-comment').value,
  };
}

/** A silence is shown before it holds: what it would mute is said, and only then can it be made. */
function watchSilenceForm(): void {
  const make = element<HTMLButtonElement>('silence-make');
  const said = element('silence-preview');
  let previewed: api.NewSilence | undefined;
  let force = false;
  // An answer about what the form said before is not about what it says now.
  let asked = 0;
  const forget = () => {
    asked += 1;
    previewed = undefined;
    make.disabled = true;
    said.textContent = '';
  };
  element('silence').addEventListener('input', forget);
  element('silence').addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(async () => {
      const wanted = wantedSilence();
      forget();
      const number = asked;
      const preview = await api.preview(wanted);
      if (number !== asked) return;
      said.textContent = [preview.text, ...preview.warnings, preview.refused ?? ''].filter(Boolean).join(' ');
      force = Boolean(preview.refused);
      make.textContent = force ? 'Silence all the same' : 'Silence';
      previewed = wanted;
      make.disabled = false;
    });
  });
  make.addEventListener('click', () => {
    const wanted = previewed;
    if (!wanted) return;
    void attempt(async () => {
      await api.silence(wanted, force);
      forget();
    });
  });
}

/** To be called once. */
export function startAlerts(): void {
  watchSilenceForm();
}
