// A changed rule over the past before it is saved: what it would have told, beside what the rule in force would have.

import * as api from '../api.ts';
import { timeText } from '../parts/clock.ts';
import { format } from '../parts/format.ts';
import { gridOf } from '../parts/range.ts';
import { labelText } from './matchers.ts';
import { attempt, element, fill, state, type Cell } from './rows.ts';
import { marksOf } from './happened.ts';
import { drawRule, ruleChart } from './rulechart.ts';
import { duration, expressionIn, ruleFile, type Known } from './rulefile.ts';
import { ofEvents, summed, type Fired, type Sum } from './spans.ts';

const MOST_LISTED = 100;

type Outcome = { replayed: api.Replayed; fired: Fired[]; sum: Sum };

let offered = '';
let inForce = '';
let ruleName = '';
/** The rule's file as it was read, where it may be changed from here. */
let file: api.RuleText | undefined;
/** The text that was replayed last: it alone is saved. */
let replayed: string | undefined;
/** An answer of a rule that is no longer looked at is not shown. */
let asked = 0;
/** Shows the last answer once more, as when times are written otherwise. */
let again: (() => Promise<void>) | undefined;

/** Fills the field with a rule that is looked at anew; who writes is not written over. */
export function offerReplay({ id, group, rule }: Known): void {
  const text = ruleFile(group, rule);
  const key = `${id}\n${text}`;
  if (offered === key) return;
  // What was saved changes the rule, and is told on.
  if (!offered.startsWith(`${id}\n`)) element('rule-saved').textContent = '';
  forgetReplay();
  offered = key;
  [inForce, ruleName] = [text, rule.name];
  element<HTMLTextAreaElement>('replay-rule').value = text;
  void offerFile(group.file, key);
}

/** Where the file may be changed, all of it takes the place of the rule. */
async function offerFile(name: string, key: string): Promise<void> {
  // Who may not read it has the rule.
  const read = await api.ruleText(name).catch(() => undefined);
  const field = element<HTMLTextAreaElement>('replay-rule');
  // A rule that was changed meanwhile must not take the place of its whole file.
  if (!read?.may_save || offered !== key || ![inForce, read.text].includes(field.value)) return;
  file = read;
  inForce = read.text;
  field.value = inForce;
  showSaving();
}

/** What was replayed as it stands is saved, so nobody saves what would wake everybody. */
function showSaving(): void {
  element('rule-save').hidden = !file;
  element('rule-kept').hidden = file !== undefined;
  const text = element<HTMLTextAreaElement>('replay-rule').value;
  element<HTMLButtonElement>('rule-save-now').disabled = text !== replayed || text === inForce;
}

async function save(): Promise<void> {
  const text = element<HTMLTextAreaElement>('replay-rule').value;
  if (!file || text !== replayed) return;
  const said = element('rule-saved');
  try {
    const saved = await api.saveRuleText(file.file, text, file.etag, element<HTMLInputElement>('rule-token').value.trim());
    file = saved;
    inForce = saved.text;
    said.textContent = [`${saved.file} is saved, and in force within a second.`, ...saved.warnings].join(' ');
    showSaving();
  } catch (error) {
    if (error instanceof api.Away) throw error;
    said.textContent = api.tokenToSave(error) ?? `It is not saved: ${(error as Error).message}`;
  }
}

export function forgetReplay(): void {
  asked += 1;
  offered = '';
  again = undefined;
  [file, replayed] = [undefined, undefined];
  element<HTMLTextAreaElement>('replay-rule').value = '';
  showSaving();
  for (const id of ['replay-sums', 'replay-changes', 'replay-chart']) element(id).replaceChildren();
  element('replay-said').textContent = '';
}

/** Evaluations that are waited for. */
const MOST_INSTANTS = 10_080;
const INTERVALS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];

/** The shortest interval that a span has not too many of; groups with a longer one keep theirs. */
export const intervalFor = (length: number) => INTERVALS.find((one) => length / one <= MOST_INSTANTS) ?? 3_600;

async function outcomeOf(rules: string, from: number, to: number): Promise<Outcome> {
  const replayed = await api.replay(rules, from, to, duration(intervalFor(to - from)));
  const fired = ofEvents(replayed.events, from);
  return { replayed, fired, sum: summed(fired, replayed.reached) };
}

async function replay(): Promise<void> {
  const rules = element<HTMLTextAreaElement>('replay-rule').value;
  const length = Number(element<HTMLSelectElement>('replay-length').value);
  const to = Math.floor(Date.now() / 1000);
  const from = to - length;
  asked += 1;
  const turn = asked;
  element('replay-said').textContent = 'Replaying …';
  try {
    const same = rules.trim() === inForce.trim();
    const changed = await outcomeOf(rules, from, to);
    const before = same ? changed : await outcomeOf(inForce, from, to);
    if (turn !== asked) return;
    replayed = rules;
    showSaving();
    element('replay-said').textContent = sentence(changed, from, to);
    showSums(before, same ? undefined : changed);
    again = async () => {
      showChanges(before.fired, changed.fired, same);
      await draw(rules, changed, from, to);
    };
    await again();
  } catch (error) {
    if (turn === asked) element('replay-said').textContent = '';
    throw error;
  }
}

function sentence({ replayed, sum }: Outcome, from: number, to: number): string {
  const span = format(replayed.reached - from, 'seconds');
  const least = duration(intervalFor(to - from));
  const cut = replayed.reached < to - 1 ? ` There was no time for more than the first ${span}: replay less of it.` : '';
  const failed = replayed.failures.length > 0 ? ` It failed: ${replayed.failures.join(' ')}` : '';
  return `${replayed.evaluations.toLocaleString('en')} evaluations over ${span}, none more often than every ${least}: it would have fired ${sum.times === 1 ? 'once' : `${sum.times} times`}.${cut}${failed}`;
}

function showSums(before: Outcome, changed: Outcome | undefined): void {
  const rows: [string, (sum: Sum) => string][] = [
    ['Times it fired', ({ times }) => String(times)],
    ['Different alerts', ({ alerts }) => String(alerts)],
    ['Fired in all', ({ seconds }) => format(seconds, 'seconds')],
    ['Longest', ({ longest }) => format(longest, 'seconds')],
    ['Fires at the end', ({ still }) => String(still)],
  ];
  const columns = [before, ...(changed ? [changed] : [])];
  fill(element<HTMLTableElement>('replay-sums'), ['', 'As it is', ...(changed ? ['Changed'] : [])], rows.map(([name, of]) => [name, ...columns.map(({ sum }) => of(sum))]), '');
}

/** What fired by one of both alone, and what by both. */
function showChanges(before: Fired[], changed: Fired[], same: boolean): void {
  const overlaps = (one: Fired, others: Fired[]) =>
    others.some((other) => labelText(other.labels) === labelText(one.labels) && one.from < (other.to ?? Infinity) && other.from < (one.to ?? Infinity));
  const word = (one: Fired) => (same || overlaps(one, before) ? 'fires' : 'new');
  const all: [Fired, string][] = [
    ...changed.map((one): [Fired, string] => [one, word(one)]),
    ...(same ? [] : before.filter((one) => !overlaps(one, changed)).map((one): [Fired, string] => [one, 'gone'])),
  ];
  const rows = all.sort(([a], [b]) => b.from - a.from).map(([one, what]): Cell[] => [
    state(what), timeText(one.from), one.to ? format(one.to - one.from, 'seconds') : 'fires still', labelText(one.labels),
  ]);
  fill(element<HTMLTableElement>('replay-changes'), ['', 'From', 'For', 'Alert'], rows.slice(0, MOST_LISTED), 'It would not have fired.');
}

async function draw(rules: string, { fired }: Outcome, from: number, to: number): Promise<void> {
  const promql = expressionIn(rules, ruleName);
  if (!promql) return;
  const chart = ruleChart('replay', promql);
  element('replay-chart').replaceChildren(chart.drawn.element);
  await drawRule(chart, gridOf({ from, to }), marksOf(fired, location.hash));
}

/** To be called once. */
export function startReplay(): void {
  element('replay-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(replay);
  });
  window.addEventListener('clock', () => void again?.());
  element('replay-reset').addEventListener('click', () => {
    element<HTMLTextAreaElement>('replay-rule').value = inForce;
    showSaving();
  });
  element('replay-rule').addEventListener('input', showSaving);
  element('rule-save').addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(save);
  });
}
