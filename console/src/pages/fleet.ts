// All agents: who is silent, who loses, who waits. The server searches, sorts and pages; rows are made for what is seen alone.

import * as api from '../api.ts';
import { go, here, writeAddress, type Address } from '../parts/address.ts';
import { ago, format, shareText } from '../parts/format.ts';
import { refreshFleetMap } from './fleetmap.ts';

const PAGE = 100;
/** As the style sheet has it. */
const ROW_PX = 28;
/** Rows made above and below of what is seen. */
const MARGIN = 10;
const STATES = ['silent', 'live', 'gone'] as const;

type Column = { title: string; sort: string; text: (agent: api.Agent) => string; bad?: (agent: api.Agent) => boolean };

const COLUMNS: Column[] = [
  { title: 'Host', sort: 'host', text: (agent) => agent.host || agent.agent },
  { title: 'State', sort: 'state', text: ({ state }) => state, bad: ({ state }) => state === 'silent' },
  { title: 'Last ack', sort: 'last_ack', text: ({ last_ack }) => (last_ack > 0 ? ago(last_ack) : '–') },
  { title: 'Batches lost', sort: 'lost', text: ({ batches_lost }) => format(batches_lost, 'number'), bad: ({ batches_lost }) => batches_lost > 0 },
  { title: 'In spool', sort: 'spooled', text: ({ batches_spooled }) => format(batches_spooled, 'number') },
  { title: 'Completeness', sort: 'completeness', text: ({ completeness }) => shareText(completeness), bad: ({ completeness }) => completeness !== null && completeness < 1 },
  { title: 'Samples/s', sort: 'samples_per_second', text: (agent) => format(agent.samples_per_second, 'number') },
  { title: 'Clock off by', sort: 'clock', text: ({ clock_seconds }) => (clock_seconds ? format(clock_seconds, 'seconds') : '–'), bad: ({ clock_seconds }) => clock_seconds !== 0 },
  { title: 'Version', sort: 'version', text: ({ version }) => version || '–' },
  { title: 'Pool', sort: 'pool', text: ({ pool }) => pool || '–' },
];

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
/** Pages of agents by their number, of the question that was asked last. */
let pages = new Map<number, api.Agent[]>();
let matching = 0;
let question = '';

/** The rows that a window over a list shows, with some above and below. */
export function rowsSeen(scrolled: number, height: number, all: number): [from: number, to: number] {
  const from = Math.max(0, Math.floor(scrolled / ROW_PX) - MARGIN);
  return [Math.min(from, all), Math.min(all, Math.ceil((scrolled + height) / ROW_PX) + MARGIN)];
}

export async function refreshFleet(address: Address): Promise<void> {
  const search = element<HTMLInputElement>('fleet-search');
  if (document.activeElement !== search) search.value = address.search;
  const asked = JSON.stringify([address.search, address.sort, address.state]);
  if (asked !== question) {
    question = asked;
    pages = new Map();
    element('fleet-rows').scrollTop = 0;
  }
  await Promise.all([load(true), refreshFleetMap(address)]);
}

/** Asks for the pages that are seen: anew, or those that are not there. */
async function load(anew: boolean): Promise<void> {
  const { search, sort, state } = here();
  const asked = question;
  const box = element('fleet-rows');
  const [from, to] = rowsSeen(box.scrollTop, box.clientHeight, Math.max(matching, PAGE));
  const wanted: number[] = [];
  for (let page = Math.floor(from / PAGE); page * PAGE < to; page += 1) if (anew || !pages.has(page)) wanted.push(page);
  const [by = '', order] = sort.split('-');
  const answers = await Promise.all(wanted.map((page) => api.agents({ search, state, sort: by, order, limit: PAGE, offset: page * PAGE })));
  // Who goes on meanwhile sees the answer to the later question.
  if (asked !== question) return;
  answers.forEach((answer, at) => {
    pages.set(wanted[at] ?? 0, answer.agents);
    matching = answer.matching;
    showStates(answer, state);
  });
  show();
}

function showStates({ states, losing }: api.Agents, state: string): void {
  const all = states.silent + states.live + states.gone;
  const made = ['', ...STATES].map((one) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `${(one ? states[one as api.Agent['state']] : all).toLocaleString('en')} ${one || 'in all'}`;
    button.setAttribute('aria-pressed', String(one === state));
    button.dataset.state = one;
    button.addEventListener('click', () => go({ state: one }));
    return button;
  });
  const box = element('fleet-states');
  const focused = box.contains(document.activeElement) ? document.activeElement?.getAttribute('data-state') : null;
  box.replaceChildren(...made, losing > 0 ? `${losing.toLocaleString('en')} have lost batches` : '');
  if (focused != null) box.querySelector<HTMLElement>(`[data-state="${focused}"]`)?.focus();
}

function show(): void {
  const { sort } = here();
  const [by = '', order] = sort.split('-');
  const head = document.createElement('tr');
  head.append(
    ...COLUMNS.map((column) => {
      const cell = document.createElement('th');
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = column.title;
      button.dataset.sort = column.sort;
      const sorted = by === column.sort;
      if (sorted) cell.setAttribute('aria-sort', order === 'desc' ? 'descending' : 'ascending');
      // A second click turns what is usual for a column around: the highest loss first, but the first host.
      button.addEventListener('click', () => go({ sort: nextSort(sort, column.sort) }));
      cell.append(button);
      return cell;
    }),
  );
  const table = element('fleet-table');
  const focused = table.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset : undefined;
  const box = element('fleet-rows');
  const [from, to] = rowsSeen(box.scrollTop, box.clientHeight, matching);
  const rows = Array.from({ length: to - from }, (_, at) => row(from + at));
  table.setAttribute('aria-rowcount', String(matching + 1));
  table.replaceChildren(head, gap(from), ...rows, gap(matching - to));
  const kept = focused?.sort ? `[data-sort="${focused.sort}"]` : focused?.agent ? `[data-agent="${focused.agent}"]` : '';
  if (kept) table.querySelector<HTMLElement>(kept)?.focus();
  element('fleet-empty').hidden = matching > 0;
}

/** A column's usual order first, then ascending and descending. */
export function nextSort(now: string, column: string): string {
  const after: Record<string, string> = { [column]: `${column}-asc`, [`${column}-asc`]: `${column}-desc` };
  return after[now] ?? column;
}

/** The room of rows that are not made. */
function gap(rows: number): HTMLElement {
  const made = document.createElement('tr');
  made.className = 'gap';
  made.style.height = `${rows * ROW_PX}px`;
  made.setAttribute('aria-hidden', 'true');
  return made;
}

function row(at: number): HTMLElement {
  const agent = pages.get(Math.floor(at / PAGE))?.[at % PAGE];
  const made = document.createElement('tr');
  made.setAttribute('aria-rowindex', String(at + 2));
  for (const column of COLUMNS) {
    const cell = document.createElement('td');
    if (!agent) cell.textContent = '…';
    else if (column.sort === 'host') cell.append(link(agent));
    else cell.textContent = column.text(agent);
    cell.classList.toggle('bad', agent !== undefined && (column.bad?.(agent) ?? false));
    made.append(cell);
  }
  return made;
}

/** To the host's page; one that has told no host has none. */
function link(agent: api.Agent): Node {
  if (!agent.host) return document.createTextNode(agent.agent);
  const made = document.createElement('a');
  made.textContent = agent.host;
  made.dataset.agent = agent.agent;
  made.href = writeAddress({ ...here(), page: 'host', host: agent.host });
  return made;
}

/** To be called once. */
export function startFleet(): void {
  const search = element<HTMLInputElement>('fleet-search');
  let writing = 0;
  search.addEventListener('input', () => {
    clearTimeout(writing);
    writing = window.setTimeout(() => go({ search: search.value }, 'correction'), 200);
  });
  element('fleet-form').addEventListener('submit', (event) => {
    event.preventDefault();
    go({ search: search.value }, 'correction');
  });
  let scrolling = 0;
  element('fleet-rows').addEventListener('scroll', () => {
    show();
    clearTimeout(scrolling);
    // What fails here is told by the next refresh.
    scrolling = window.setTimeout(() => void load(false).catch(() => undefined), 80);
  });
}
