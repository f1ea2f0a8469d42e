// Rules: all of them in a list, and one with its graph, its threshold and the times at which it fired.

import * as api from '../api.ts';
import { here, spanOf, writeAddress, type Address } from '../parts/address.ts';
import { ago, format } from '../parts/format.ts';
import { gridOf } from '../parts/range.ts';
import { labelText } from './matchers.ts';
import { forgetReplay, offerReplay } from './replaying.ts';
import { marksOf } from './happened.ts';
import { drawRule, ruleChart, type RuleChart } from './rulechart.ts';
import { code, element, link, state, table } from './rows.ts';
import { duration, type Known } from './rulefile.ts';
import { ofHistory, withThoseNow } from './spans.ts';

let chart: (RuleChart & { id: string; promql: string }) | undefined;

/** Each rule with a name for the address: its group's, its own, and which of several that are called so. */
export function named(groups: api.RuleGroup[]): Known[] {
  const seen = new Map<string, number>();
  return groups.flatMap((group) =>
    group.rules.map((rule) => {
      const name = `${group.name}/${rule.name}`;
      const number = (seen.get(name) ?? 0) + 1;
      seen.set(name, number);
      return { id: number === 1 ? name : `${name}#${number}`, group, rule };
    }),
  );
}

export function stateOf(rule: api.Rule): string {
  return rule.lastError ? 'failing' : rule.type === 'recording' ? 'recording' : (rule.state ?? 'inactive');
}

export function showRules(groups: api.RuleGroup[], search: string): void {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const text = ({ id, rule }: Known) => `${id} ${rule.query} ${stateOf(rule)}`.toLowerCase();
  const found = named(groups).filter((known) => words.every((word) => text(known).includes(word)));
  const rows = found.map(({ id, group, rule }) => [
    group.name,
    state(stateOf(rule)),
    link(rule.name, writeAddress({ ...here(), rule: id, search: '' })),
    code(rule.query),
    rule.duration ? duration(rule.duration) : '',
    rule.type === 'recording' ? '' : String(rule.alerts?.length ?? 0),
    group.lastEvaluation ? ago(Date.parse(group.lastEvaluation) / 1000) : '–',
    format(rule.evaluationTime, 'seconds'),
    rule.lastError ?? '',
  ]);
  const none = search ? 'No rule is like this.' : 'There are no rules: name files in [alerting] rules of weir.toml.';
  table('alerts-rules-table', ['Group', 'State', 'Rule', 'Expression', 'For', 'Alerts', 'Evaluated', 'Took', 'Error'], rows, none);
}

/** Shows the rule that the address names; without one, or where it is gone, the list. */
export async function showRule(groups: api.RuleGroup[], address: Address, history: api.History): Promise<boolean> {
  const known = named(groups).find(({ id }) => id === address.rule);
  element('rules-list').hidden = known !== undefined;
  element('rule').hidden = known === undefined;
  if (!known) {
    chart = undefined;
    forgetReplay();
    return false;
  }
  const span = spanOf(address);
  const fired = ofHistory(history.states ?? [], span.from).filter(({ labels }) => labels.alertname === known.rule.name && hasLabels(labels, known.rule));
  showFacts(known, fired.length);
  const drawn = chartOf(known);
  offerReplay(known);
  await drawRule(drawn, gridOf(span), marksOf(withThoseNow(fired, known.rule.alerts ?? [], span.from), writeAddress(here())));
  return true;
}

/** A rule's alerts have its labels, but for those that are templates. */
const hasLabels = (labels: api.Labels, rule: api.Rule) => Object.entries(rule.labels ?? {}).every(([name, value]) => value.includes('{{') || labels[name] === value);

function showFacts({ group, rule }: Known, times: number): void {
  element('rule-name').textContent = rule.name;
  element('rule-state').replaceChildren(state(stateOf(rule)));
  const firing = rule.alerts?.filter((alert) => alert.state === 'firing').length ?? 0;
  const facts: [string, string | Node][] = [
    ['Group', `${group.name}, every ${duration(group.interval)}, ${group.file}`],
    ['Expression', code(rule.query)],
    ['For', rule.duration ? duration(rule.duration) : ''],
    ['Keeps firing for', rule.keepFiringFor ? duration(rule.keepFiringFor) : ''],
    ['Labels', labelText(rule.labels ?? {})],
    ...Object.entries(rule.annotations ?? {}).map(([name, value]): [string, string] => [name, value]),
    ['Alerts now', rule.type === 'recording' ? '' : `${firing} firing, ${(rule.alerts?.length ?? 0) - firing} pending; began to fire ${times === 1 ? 'once' : `${times} times`} in this range`],
    ['Evaluated', `${group.lastEvaluation ? ago(Date.parse(group.lastEvaluation) / 1000) : 'not yet'}, took ${format(rule.evaluationTime, 'seconds')}`],
    ['Fails', rule.lastError ?? ''],
  ];
  const list = facts.filter(([, value]) => value !== '').flatMap(([name, value]) => {
    const [term, told] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    told.append(value);
    return [term, told];
  });
  element('rule-facts').replaceChildren(...list);
}

function chartOf({ id, rule }: Known): NonNullable<typeof chart> {
  if (chart?.id === id && chart.promql === rule.query) return chart;
  chart = { id, promql: rule.query, ...ruleChart('rule', rule.query) };
  element('rule-chart').replaceChildren(chart.drawn.element);
  return chart;
}
