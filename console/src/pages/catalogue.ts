// Which metrics there are: their type and how many series they have, each a link to its chart.

import * as api from '../api.ts';
import { go, here, writeAddress, type Address } from '../parts/address.ts';
import { unitOf, type Told } from '../parts/unit.ts';
import { applicationMetrics, questionOf } from './hosts.ts';
import { whyAddress } from './why.ts';

const MOST_ROWS = 300;
/** Counts are asked for less often than the page refreshes: they read every series. */
const COUNTS_MS = 60_000;

export type Metric = { name: string; type: string; unit: string; help: string; series: number | undefined; own: boolean };

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
/** None before the server has been asked: what is not known yet is not said to be missing. */
let metrics: Metric[] | undefined;
let counts = new Map<string, number>();
let counted = -Infinity;
let whyUncounted = '';

export async function refreshCatalogue(address: Address): Promise<void> {
  const search = element<HTMLInputElement>('catalogue-search');
  if (document.activeElement !== search) search.value = address.search;
  const [names, metadata] = await Promise.all([api.labelValues('__name__'), api.metadata()]);
  await count();
  const own = new Set(applicationMetrics(names));
  metrics = names.map((name) => describe(name, metadata[name]?.[0], own.has(name)));
  show();
}

function describe(name: string, told: (Told & { help?: string }) | undefined, own: boolean): Metric {
  return { name, type: told?.type ?? '', unit: unitOf(name, told), help: told?.help ?? '', series: counts.get(name), own };
}

async function count(): Promise<void> {
  if (performance.now() - counted < COUNTS_MS) return;
  counted = performance.now();
  try {
    counts = await api.seriesCounts();
    whyUncounted = '';
  } catch (error) {
    // Names are of use without counts, which a large store may refuse.
    whyUncounted = ` Series are not counted: ${(error as Error).message}.`;
  }
}

/** Metrics that have every word in name, type or help: what applications sent first, then by name. */
export function found(all: Metric[], search: string): Metric[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const has = ({ name, type, help }: Metric) => words.every((word) => `${name} ${type} ${help}`.toLowerCase().includes(word));
  return all.filter(has).sort((a, b) => Number(b.own) - Number(a.own) || a.name.localeCompare(b.name));
}

function show(): void {
  if (!metrics) return;
  const matching = found(metrics, element<HTMLInputElement>('catalogue-search').value);
  const shown = matching.slice(0, MOST_ROWS);
  const some = shown.length < matching.length ? `${shown.length} of ${matching.length} shown; ` : '';
  element('catalogue-count').textContent = `${some}${matching.length} of ${metrics.length} metrics.${whyUncounted}`;
  const search = element<HTMLInputElement>('catalogue-search').value.trim();
  element('catalogue-none').hidden = matching.length > 0 || search === '';
  const why = element<HTMLAnchorElement>('catalogue-why');
  why.textContent = `where is ${search}?`;
  why.href = whyAddress(search);
  const focused = document.activeElement?.getAttribute('data-metric');
  const head = document.createElement('tr');
  head.append(...['Metric', 'Type', 'Unit', 'Series', ''].map((text) => cell('th', text)));
  element('catalogue').replaceChildren(head, ...shown.map(row));
  if (focused) element('catalogue').querySelector<HTMLElement>(`[data-metric="${CSS.escape(focused)}"]`)?.focus();
}

function row(metric: Metric): HTMLElement {
  const link = document.createElement('a');
  link.textContent = metric.name;
  link.dataset.metric = metric.name;
  link.title = metric.help;
  link.href = writeAddress({ ...here(), page: 'explore', queries: [questionOf(metric.name, metric.type)] });
  const why = document.createElement('a');
  why.textContent = 'where?';
  why.dataset.metric = `where ${metric.name}`;
  why.setAttribute('aria-label', `Where is ${metric.name}?`);
  why.href = whyAddress(metric.name);
  const made = document.createElement('tr');
  const unit = metric.unit === 'number' ? '' : metric.unit;
  made.append(cell('td', link), cell('td', metric.type), cell('td', unit), cell('td', metric.series?.toLocaleString('en') ?? '–'), cell('td', why));
  return made;
}

function cell(kind: 'th' | 'td', content: string | Node): HTMLElement {
  const made = document.createElement(kind);
  made.append(content);
  return made;
}

/** To be called once. */
export function startCatalogue(): void {
  const search = element<HTMLInputElement>('catalogue-search');
  search.addEventListener('input', () => {
    history.replaceState(null, '', writeAddress({ ...here(), search: search.value }));
    show();
  });
  element('catalogue-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const [first] = found(metrics ?? [], search.value);
    if (first) go({ page: 'explore', queries: [questionOf(first.name, first.type)] });
  });
}
