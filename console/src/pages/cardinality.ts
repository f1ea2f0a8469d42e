// Where the series come from: which metric, label and host; what it costs, and the rule that would tame it.

import * as api from '../api.ts';
import { here, writeAddress } from '../parts/address.ts';
import { Chart } from '../parts/chart.ts';
import { readExposition, type Sample } from '../parts/exposition.ts';
import { timeText } from '../parts/clock.ts';
import { format } from '../parts/format.ts';
import { gridOf } from '../parts/range.ts';

const MOST_METRICS = 100;
const MOST_HOSTS = 20;
const MOST_SENDERS = 10;
const WEEK_S = 7 * 86_400;
/** Counts by host read every series: they are asked for less often than the page refreshes. */
const COUNTS_MS = 60_000;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
let hosts: [host: string, series: number][] = [];
let counted = -Infinity;
let diskBytes: number | undefined;
let measured = -Infinity;
let chosen = '';
/** Shows the week of the metric that is chosen once more, as when times are written otherwise. */
let again = () => {};

export async function refreshCardinality(): Promise<void> {
  const [told] = await Promise.all([api.cardinality(MOST_METRICS), countHosts(), measureDisk()]);
  const all = told.tenants.reduce((sum, { series }) => sum + series, 0);
  const limit = (most: number, what: string) => (most > 0 ? `at most ${most.toLocaleString('en')} ${what}` : `no limit ${what}`);
  element('cardinality-whole').textContent =
    `${all.toLocaleString('en')} series are in use, by estimates within about 2.3 %; ${limit(told.max_agent_series, 'for an agent')}, ${limit(told.max_tenant_series, 'for a tenant')}.`;
  const focused = document.activeElement?.getAttribute('data-rule');
  table('cardinality-metrics', ['Metric', 'Series', 'Of all', 'On disk, about', 'Folded', 'Denied', 'Label with most values', ''], told.metrics.map((metric) => metricRow(metric, all)));
  if (focused) element('cardinality-metrics').querySelector<HTMLElement>(`[data-rule="${CSS.escape(focused)}"]`)?.focus();
  table('cardinality-labels', ['Label', 'Values in one metric', 'In metrics', 'Series of these'], labelsOf(told.metrics).map((one) => [one.label, count(one.values), count(one.metrics), count(one.series)]));
  const counts = hosts.reduce((sum, [, series]) => sum + series, 0);
  table('cardinality-agents', ['Host', 'Series', 'Of these'], hosts.map(([host, series]) => [host ? hostLink(host) : 'no host', count(series), format(series / counts, 'ratio')]));
  showRule(told.metrics);
}

const count = (value: number) => Math.round(value).toLocaleString('en');
const idOf = ({ metric, tenant }: api.MetricUse) => `${tenant} ${metric}`;

function metricRow(metric: api.MetricUse, all: number): (string | Node)[] {
  const [worst] = metric.labels;
  const rule = document.createElement('button');
  rule.type = 'button';
  rule.textContent = 'Rule';
  rule.dataset.rule = idOf(metric);
  rule.setAttribute('aria-label', `Rule for ${metric.metric}`);
  rule.addEventListener('click', () => {
    chosen = idOf(metric);
    showRule([metric]);
    again = () => void showSince(metric);
    again();
    element('cardinality-rule').scrollIntoView({ block: 'nearest' });
    element('rule-text').focus();
  });
  const share = all > 0 ? format(metric.series / all, 'ratio') : '–';
  const bytes = all > 0 && diskBytes !== undefined ? format((diskBytes * metric.series) / all, 'bytes') : '–';
  return [metric.metric, count(metric.series), share, bytes, count(metric.folded), count(metric.denied), worst ? `${worst.label} (${count(worst.values)})` : '–', rule];
}

/** What blocks and the index take: a metric's part is told by its share of the series. */
async function measureDisk(): Promise<void> {
  if (performance.now() - measured < COUNTS_MS) return;
  measured = performance.now();
  try {
    diskBytes = bytesIn(readExposition((await api.text('metrics')).text));
  } catch (error) {
    if (error instanceof api.Away) throw error;
    // Who may not see /metrics sees the rest.
    diskBytes = undefined;
  }
}

const PARTS = new Set(['weir_store_block_bytes', 'weir_store_slab_bytes', 'weir_store_cold_bytes']);

export function bytesIn(samples: Sample[]): number | undefined {
  const parts = samples.filter(({ name }) => PARTS.has(name));
  return parts.length > 0 ? parts.reduce((sum, { value }) => sum + value, 0) : undefined;
}

/** Shows since when the metric that is chosen has its series: their number over a week, and by whom they are sent. */
async function showSince(metric: api.MetricUse): Promise<void> {
  const box = element('cardinality-since');
  const selector = `{__name__=${JSON.stringify(metric.metric)}${metric.tenant > 0 ? `,tenant="${metric.tenant}"` : ''}}`;
  const chart = new Chart({ id: 'series', title: `Series of ${metric.metric} over a week, by host`, unit: 'number', promql: `topk(${MOST_SENDERS}, count by (host) (${selector}))`, stacked: true });
  box.replaceChildren(chart.element);
  const now = Date.now() / 1000;
  const said = document.createElement('p');
  said.className = 'note';
  chart.element.append(said);
  const grid = gridOf({ from: now - WEEK_S, to: now });
  const [, all] = await Promise.all([chart.draw(grid), api.range(`count(${selector})`, grid).catch(() => [])]);
  said.textContent = sinceWhen(all[0]?.points ?? [], grid.start + 2 * grid.step);
}

/** When it grew the most, if it grew by a tenth or more. */
export function sinceWhen(points: [number, number][], begin: number): string {
  const [first] = points;
  if (!first) return 'It had no series in this week.';
  let grew = { at: 0, from: 0, to: 0 };
  points.forEach(([at, to], index) => {
    const from = points[index - 1]?.[1] ?? to;
    if (to - from > grew.to - grew.from) grew = { at, from, to };
  });
  if (grew.to > grew.from * 1.1) return `It grew the most at ${timeText(grew.at)}: from ${count(grew.from)} to ${count(grew.to)} series.`;
  if (first[0] > begin) return `Its first series came at ${timeText(first[0])}.`;
  return 'It has had about as many for a week or longer.';
}

async function countHosts(): Promise<void> {
  if (performance.now() - counted < COUNTS_MS) return;
  counted = performance.now();
  const note = element('cardinality-uncounted');
  try {
    const lines = await api.instant(`topk(${MOST_HOSTS}, count by (host) ({__name__!=""}))`, Date.now() / 1000);
    hosts = lines.map(({ labels, points }): [string, number] => [labels.host ?? '', points[0]?.[1] ?? 0]).sort((a, b) => b[1] - a[1]);
    note.textContent = hosts.length === MOST_HOSTS ? `The ${MOST_HOSTS} with most series.` : '';
  } catch (error) {
    if (error instanceof api.Away) throw error;
    // A large store may refuse to count; metrics and labels are of use without it.
    note.textContent = `Hosts are not counted: ${(error as Error).message}.`;
  }
  note.hidden = note.textContent === '';
}

/** Labels of the metrics that were told: the most values that one has anywhere, and whose they are. */
export function labelsOf(metrics: api.MetricUse[]): { label: string; values: number; metrics: number; series: number }[] {
  const all = new Map<string, { label: string; values: number; metrics: number; series: number }>();
  for (const { labels, series } of metrics) {
    for (const { label, values } of labels) {
      const known = all.get(label) ?? { label, values: 0, metrics: 0, series: 0 };
      all.set(label, { label, values: Math.max(known.values, values), metrics: known.metrics + 1, series: known.series + series });
    }
  }
  return [...all.values()].sort((a, b) => b.values - a.values || b.series - a.series);
}

/** The rule that takes away the label with most values; one that is the host's or has one value is left alone. */
export function ruleFor(metric: api.MetricUse): { text: string; words: string } {
  const quoted = JSON.stringify(metric.metric);
  const worst = metric.labels.find(({ label, values }) => values > 1 && !['host', 'agent', 'tenant'].includes(label));
  const tenant = metric.tenant > 0 ? `\ntenant = ${metric.tenant}` : '';
  if (!worst) {
    return {
      text: `[[admission.rules]]\nmetric = ${quoted}${tenant}\nrollup = { drop_labels = ["host"] }\n`,
      words: 'No label but its host makes its series: a rollup adds a series over all hosts, which questions may read instead; it saves none.',
    };
  }
  const left = Math.max(1, metric.series / worst.values);
  return {
    text: `[[admission.rules]]\nmetric = ${quoted}${tenant}\ndrop_labels = [${JSON.stringify(worst.label)}]\n`,
    words: `Takes the label ${worst.label} away: series that become the same add up, and at least ${count(left)} of ${count(metric.series)} stay. Of gauges the one received last stands: leave those alone, or use deny = true.`,
  };
}

function showRule(metrics: api.MetricUse[]): void {
  const metric = metrics.find((one) => idOf(one) === chosen);
  if (!metric) return;
  const { text, words } = ruleFor(metric);
  element('cardinality-rule').hidden = false;
  element('rule-words').textContent = words;
  // What is selected stays so while it says the same.
  if (element('rule-text').textContent !== text) element('rule-text').textContent = text;
}

function hostLink(host: string): Node {
  const link = document.createElement('a');
  link.textContent = host;
  link.href = writeAddress({ ...here(), page: 'host', host });
  return link;
}

function table(id: string, head: string[], rows: (string | Node)[][]): void {
  const row = (kind: 'th' | 'td', cells: (string | Node)[]) => {
    const made = document.createElement('tr');
    for (const content of cells) made.appendChild(document.createElement(kind)).append(content);
    return made;
  };
  element(id).replaceChildren(row('th', head), ...rows.map((cells) => row('td', cells)));
}

/** To be called once. */
export function startCardinality(): void {
  window.addEventListener('clock', () => again());
  const button = element('rule-copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(element('rule-text').textContent ?? '');
      button.textContent = 'Copied';
      setTimeout(() => (button.textContent = 'Copy'), 2_000);
    } catch {
      // Browsers give the clipboard to pages of https and of this host only.
      getSelection()?.selectAllChildren(element('rule-text'));
    }
  });
}
