// What is looked at, as the address of the page says it: a link shows another person the same.

import { lengthText, readLength, type Span } from './range.ts';

export const PAGES = ['fleet', 'host', 'explore', 'metrics', 'why', 'dashboards', 'cardinality', 'pipeline', 'alerts'] as const;
export type Page = (typeof PAGES)[number];

export const SHOWN_AS = ['graph', 'table', 'json', 'csv'] as const;
export type ShownAs = (typeof SHOWN_AS)[number];
export const VIEWS = ['active', 'silences', 'rules', 'told', 'history'] as const;
export type View = (typeof VIEWS)[number];

export type Address = {
  page: Page;
  /** Seconds back from now, while nothing is zoomed. */
  length: number;
  /** A stretch that stays as it is. */
  zoom?: Span | undefined;
  host: string;
  queries: string[];
  /** How answers are shown. */
  as: ShownAs;
  stacked: boolean;
  search: string;
  /** The metric that is looked for. */
  selector: string;
  /** Of the fleet: a column, with its order after a dash, and which state alone. */
  sort: string;
  state: string;
  /** Of the fleet's map: what its colours are by. */
  by: string;
  /** Of the alerts: a part of the page, what alerts are put together by, and a rule. */
  view: View;
  group: string;
  rule: string;
  /** Of the dashboards: which one, and what is chosen of its variables. */
  dashboard: string;
  chosen: Record<string, string[]>;
};

const DEFAULT_LENGTH = 900;
const MOST_QUERIES = 12;

/** Reads an address; what cannot be read is as if it were not there. */
export function readAddress(hash: string, usual = DEFAULT_LENGTH): Address {
  const [name = '', query = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const given = new URLSearchParams(query);
  const from = Number(given.get('from'));
  const to = Number(given.get('to'));
  return {
    page: PAGES.find((page) => page === name) ?? 'host',
    length: readLength(given.get('range') ?? '') ?? usual,
    zoom: from > 0 && to > from ? { from, to } : undefined,
    host: given.get('host') ?? '',
    queries: given.getAll('q').slice(0, MOST_QUERIES),
    as: SHOWN_AS.find((as) => as === given.get('as')) ?? 'graph',
    stacked: given.get('stacked') === '1',
    search: given.get('search') ?? '',
    selector: given.get('match') ?? '',
    sort: given.get('sort') ?? 'state',
    state: given.get('state') ?? '',
    by: given.get('by') ?? 'silence',
    view: VIEWS.find((view) => view === given.get('view')) ?? 'active',
    group: given.get('group') ?? 'alertname',
    rule: given.get('rule') ?? '',
    dashboard: given.get('name') ?? '',
    chosen: chosenIn(given),
  };
}

export function writeAddress(address: Address): string {
  const { page, length, zoom, host, queries, search, sort, state, by, dashboard, chosen } = address;
  const said = new URLSearchParams({ range: lengthText(length) });
  if (zoom) {
    said.set('from', String(Math.round(zoom.from * 1000) / 1000));
    said.set('to', String(Math.round(zoom.to * 1000) / 1000));
  }
  if (host) said.set('host', host);
  if (page === 'explore') for (const one of queries) said.append('q', one);
  if (page === 'explore' && address.as !== 'graph') said.set('as', address.as);
  if (page === 'explore' && address.stacked) said.set('stacked', '1');
  if (page === 'fleet' && sort !== 'state') said.set('sort', sort);
  if (page === 'fleet' && state) said.set('state', state);
  if (page === 'fleet' && by !== 'silence') said.set('by', by);
  if (page === 'why' && address.selector) said.set('match', address.selector);
  if (page === 'alerts') sayView(said, address);
  if ((page === 'metrics' || page === 'fleet' || page === 'alerts') && search) said.set('search', search);
  if (page === 'dashboards' && dashboard) {
    said.set('name', dashboard);
    for (const [name, values] of Object.entries(chosen)) for (const value of values) said.append(`var-${name}`, value);
  }
  return `#${page}?${said}`;
}

function sayView(said: URLSearchParams, { view, group, rule }: Address): void {
  if (view !== 'active') said.set('view', view);
  if (view === 'active' && group !== 'alertname') said.set('group', group);
  if (view === 'rules' && rule) said.set('rule', rule);
}

/** Pages about a stretch of time, or its end; the others are about now. */
export function isRanged({ page, view, rule }: Address): boolean {
  if (page === 'alerts') return view === 'told' || view === 'history' || (view === 'rules' && rule !== '');
  return page === 'host' || page === 'explore' || page === 'why' || page === 'dashboards';
}

/** Variables as Grafana's addresses have them: `var-NAME`, once for each value. */
function chosenIn(given: URLSearchParams): Record<string, string[]> {
  const chosen: Record<string, string[]> = {};
  for (const key of new Set(given.keys())) if (key.startsWith('var-')) chosen[key.slice(4)] = given.getAll(key);
  return chosen;
}

export function spanOf({ length, zoom }: Address, now = Date.now() / 1000): Span {
  return zoom ?? { from: now - length, to: now };
}

/** What the address bar says now. */
export const here = () => readAddress(location.hash, readLength(localStorage.getItem('length') ?? ''));

/** Goes where something differs, and says whether it does; the back button comes back, unless it was only a correction. */
export function go(change: Partial<Address>, how: 'step' | 'correction' = 'step'): boolean {
  const hash = writeAddress({ ...here(), ...change });
  if (hash === location.hash) return false;
  if (how === 'step') history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
  return true;
}
