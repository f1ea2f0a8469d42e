// Questions of one's own: several at a time, each with its chart, and a table of the newest values.

import { Away, type Line } from '../api.ts';
import { go, here, spanOf, type Address } from '../parts/address.ts';
import { Chart } from '../parts/chart.ts';
import { csv, json, save, type Answer } from '../parts/download.ts';
import { format } from '../parts/format.ts';
import { fullName } from '../parts/legend.ts';
import { placeOf } from '../parts/place.ts';
import { gridOf } from '../parts/range.ts';
import { unitOfQuery } from '../parts/unit.ts';

const MOST_ROWS = 200;
const MOST_KEPT = 30;
const HISTORY = 'queries';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
let charts: Chart[] = [];
let answers: Answer[] = [];
let asked = 0;
/** The queries of the address that the fields were last made for. */
let shown: string | undefined;

export async function refreshExplore(address: Address): Promise<void> {
  const written = [...questions()].map(({ value }) => value.trim()).filter(Boolean);
  // Who writes the next question is not written over by a refresh, but by going somewhere.
  const going = address.queries.join('\0');
  if (going !== shown) showQuestions(address.queries, written);
  shown = going;
  const wanted = address.queries.map((promql, at) => (charts[at]?.spec.promql === promql ? charts[at] : made(promql, at)));
  if (wanted.length !== charts.length || wanted.some((chart, at) => charts[at] !== chart)) {
    charts = wanted;
    element('explore-chart').replaceChildren(...wanted.map((chart) => chart.element));
  }
  asked += 1;
  const turn = asked;
  const grid = gridOf(spanOf(address));
  const outcomes = await Promise.all(wanted.map((chart) => chart.draw(grid)));
  if (turn !== asked) return;
  answers = outcomes.flatMap((lines, at) => (lines instanceof Error ? [] : [{ query: address.queries[at] ?? '', lines }]));
  outcomes.forEach((outcome, at) => showMistake(at, address.queries[at] ?? '', outcome instanceof Error ? outcome.message : ''));
  showTable(answers);
  const away = outcomes.find((outcome) => outcome instanceof Away);
  if (away) throw away;
  for (const id of ['download-csv', 'download-json']) element<HTMLButtonElement>(id).disabled = answers.length === 0;
}

const made = (promql: string, at: number) =>
  new Chart({ id: at === 0 ? 'explore' : `explore-${at + 1}`, title: promql, unit: unitOfQuery(promql), promql });

const questions = () => element('queries').querySelectorAll('textarea');

function showQuestions(wanted: string[], written: string[]): void {
  if (questions().length > 0 && wanted.join('\0') === written.join('\0')) return;
  element('queries').replaceChildren(...(wanted.length > 0 ? wanted : ['']).map(question));
}

/** A field for one question: Enter asks, Shift and Enter begins a line. */
function question(text: string): HTMLElement {
  const row = document.createElement('div');
  row.className = 'question';
  const field = document.createElement('textarea');
  field.value = text;
  field.rows = Math.min(text.split('\n').length, 8);
  field.spellcheck = false;
  field.setAttribute('aria-label', 'PromQL');
  field.placeholder = 'PromQL, such as sum by (cpu_mode) (system_cpu_utilization_ratio); $window is a span for rates';
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    element<HTMLFormElement>('explore').requestSubmit();
  });
  field.addEventListener('input', () => {
    field.rows = Math.min(field.value.split('\n').length, 8);
    mistake.hidden = true;
  });
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.textContent = '✕';
  remove.setAttribute('aria-label', 'Remove this query');
  remove.addEventListener('click', () => {
    row.remove();
    if (questions().length === 0) element('queries').append(question(''));
    submit();
  });
  const mistake = document.createElement('div');
  mistake.className = 'mistake';
  mistake.setAttribute('role', 'alert');
  mistake.hidden = true;
  row.append(field, remove, mistake);
  return row;
}

/** Says what is wrong with a question, under the place where it is. */
function showMistake(at: number, text: string, message: string): void {
  const row = [...questions()].filter(({ value }) => value.trim())[at]?.parentElement;
  const mistake = row?.querySelector<HTMLElement>('.mistake');
  if (!mistake) return;
  mistake.hidden = !message;
  const place = placeOf(message, text);
  const words = document.createElement('p');
  words.textContent = message;
  mistake.replaceChildren(words);
  if (!place) return;
  const underlined = document.createElement('u');
  underlined.textContent = text.slice(...place) || ' ';
  const quoted = document.createElement('pre');
  quoted.append(text.slice(0, place[0]), underlined, text.slice(place[1]));
  mistake.prepend(quoted);
}

function showTable(all: Answer[]): void {
  const lines = all.flatMap(({ query, lines }) => lines.map((line): [string, Line] => [query, line]));
  const rows = lines.slice(0, MOST_ROWS).map(([query, line]) => {
    const row = document.createElement('tr');
    const [ts, value] = line.points.at(-1) ?? [];
    const when = ts === undefined ? '' : new Date(ts * 1000).toLocaleTimeString([], { hourCycle: 'h23' });
    row.append(cell('th', fullName(line.labels)), cell('td', value === undefined ? '' : String(value)), cell('td', format(value, unitOfQuery(query))), cell('td', when));
    return row;
  });
  const table = element('explore-table');
  table.replaceChildren(...rows);
  if (lines.length > MOST_ROWS) table.append(cell('td', `${MOST_ROWS} of ${lines.length} lines; the files have all`));
}

function cell(kind: 'th' | 'td', text: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function submit(): void {
  const queries = [...questions()].map(({ value }) => value.trim()).filter(Boolean);
  keep(queries);
  if (!go({ queries })) window.dispatchEvent(new HashChangeEvent('hashchange'));
}

function kept(): string[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(HISTORY) ?? '[]');
    return Array.isArray(read) ? read.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

function keep(queries: string[]): void {
  localStorage.setItem(HISTORY, JSON.stringify([...new Set([...queries, ...kept()])].slice(0, MOST_KEPT)));
  showKept();
}

function showKept(): void {
  const picker = element<HTMLSelectElement>('history');
  picker.replaceChildren(new Option('Asked before …', ''), ...kept().map((one) => new Option(one.length > 80 ? `${one.slice(0, 80)} …` : one, one)));
}

/** To be called once. */
export function startExplore(): void {
  showKept();
  element('explore').addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  element('add-query').addEventListener('click', () => {
    element('queries').append(question(''));
    [...questions()].at(-1)?.focus();
  });
  const picker = element<HTMLSelectElement>('history');
  picker.addEventListener('change', () => {
    if (picker.value) go({ queries: [...here().queries, picker.value] });
    picker.value = '';
  });
  element('download-csv').addEventListener('click', () => save('weir.csv', 'text/csv', csv(answers)));
  element('download-json').addEventListener('click', () => save('weir.json', 'application/json', json(answers)));
}
