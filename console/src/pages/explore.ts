// Questions of one's own: several at a time, each with its chart, as a table or as text, and with what it took.

import { Away, rangeWhole, type Cost, type Line } from '../api.ts';
import { alertMarks, eventMarks, isAbout } from '../alerts/happened.ts';
import { keep, kept } from '../explore/asked.ts';
import { explained } from '../explore/explain.ts';
import { selectorsIn } from '../explore/selectors.ts';
import { addQuestion, showMistake, showQuestions, written } from '../explore/questions.ts';
import { go, here, SHOWN_AS, spanOf, writeAddress, type Address, type ShownAs } from '../parts/address.ts';
import { Chart, type ChartSpec } from '../parts/chart.ts';
import { hourText } from '../parts/clock.ts';
import { csv, json, save, type Answer } from '../parts/download.ts';
import { format } from '../parts/format.ts';
import { fullName } from '../parts/legend.ts';
import { gridOf, withWindow, type Grid } from '../parts/range.ts';
import { unitOfQuery } from '../parts/unit.ts';
import { whyAddress } from './why.ts';

const MOST_ROWS = 200;
/** Metrics without series that are offered to be looked for. */
const MOST_ABSENT = 6;
/** Letters of a text that are shown; the files have all. */
const MOST_TEXT = 200_000;
const TITLES: Record<ShownAs, string> = { graph: 'Graph', table: 'Table', json: 'JSON', csv: 'CSV' };

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
let charts: { chart: Chart; said: HTMLElement }[] = [];
let answers: Answer[] = [];
let asked = 0;
/** The queries of the address that the fields were last made for. */
let shown: string | undefined;

export async function refreshExplore(address: Address): Promise<void> {
  showForms(address);
  // Who writes the next question is not written over by a refresh, but by going somewhere.
  const going = address.queries.join('\0');
  if (going !== shown) showQuestions(address.queries, submit);
  shown = going;
  const isSame = (spec: ChartSpec | undefined, promql: string) => spec?.promql === promql && spec.stacked === address.stacked;
  const wanted = address.queries.map((promql, at) => (isSame(charts[at]?.chart.spec, promql) ? charts[at]! : made(promql, at, address.stacked)));
  if (wanted.length !== charts.length || wanted.some((one, at) => charts[at] !== one)) {
    charts = wanted;
    element('explore-chart').replaceChildren(...wanted.map(({ chart }) => chart.element));
  }
  asked += 1;
  const turn = asked;
  const grid = gridOf(spanOf(address));
  const outcomes = await Promise.all(wanted.map((one) => draw(one, grid)));
  const marks = await Promise.all(outcomes.map((lines) => alertMarks(grid, (labels) => !(lines instanceof Error) && isAbout(labels, lines))));
  if (turn !== asked) return;
  const events = await eventMarks(grid);
  wanted.forEach(({ chart }, at) => chart.mark([...events, ...(marks[at] ?? [])]));
  answers = outcomes.flatMap((lines, at) => (lines instanceof Error ? [] : [{ query: address.queries[at] ?? '', lines }]));
  outcomes.forEach((outcome, at) => showMistake(at, address.queries[at] ?? '', outcome instanceof Error ? outcome.message : ''));
  showAbsent(answers.filter(({ lines }) => lines.length === 0).flatMap(({ query }) => selectorsIn(query)));
  showAnswers(address.as);
  const away = outcomes.find((outcome) => outcome instanceof Away);
  if (away) throw away;
  for (const id of ['download-csv', 'download-json']) element<HTMLButtonElement>(id).disabled = answers.length === 0;
}

function made(promql: string, at: number, stacked: boolean): { chart: Chart; said: HTMLElement } {
  const chart = new Chart({ id: at === 0 ? 'explore' : `explore-${at + 1}`, title: promql, unit: unitOfQuery(promql), promql, stacked, height: 280 });
  const said = document.createElement('p');
  said.className = 'note explained';
  chart.element.append(said);
  return { chart, said };
}

/** Draws a question's lines and says what they took. */
async function draw({ chart, said }: { chart: Chart; said: HTMLElement }, grid: Grid): Promise<Line[] | Error> {
  let cost: Cost | undefined;
  const outcome = await chart.draw(grid, async () => {
    const whole = await rangeWhole(withWindow(chart.spec.promql, grid.step), grid);
    cost = whole.cost;
    return whole;
  });
  said.textContent = cost ? explained(cost, grid.step) : '';
  return outcome;
}

/** Where a question has no series, its metrics can be looked for. */
function showAbsent(selectors: string[]): void {
  const wanted = [...new Set(selectors)].slice(0, MOST_ABSENT);
  const box = element('explore-absent');
  box.hidden = wanted.length === 0;
  const links = [...box.querySelectorAll('a')];
  // What has the focus keeps it while it says the same.
  if (links.map(({ dataset }) => dataset.selector).join('\0') === wanted.join('\0')) {
    wanted.forEach((one, at) => (links[at]!.href = whyAddress(one)));
    return;
  }
  const made = wanted.flatMap((one) => {
    const link = document.createElement('a');
    link.dataset.selector = one;
    link.href = whyAddress(one);
    link.textContent = `where is ${one}?`;
    return [link, ' '];
  });
  box.replaceChildren(...(made.length > 0 ? ['No series answers: ', ...made] : []));
}

function showForms(address: Address): void {
  for (const as of SHOWN_AS) {
    const link = document.querySelector<HTMLAnchorElement>(`#explore-forms [data-as="${as}"]`)!;
    link.href = writeAddress({ ...address, as });
    if (as === address.as) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
  element<HTMLInputElement>('explore-stacked').checked = address.stacked;
  element('explore-chart').hidden = address.as !== 'graph';
  element('explore-table').hidden = address.as !== 'table';
  element('explore-text').hidden = address.as !== 'json' && address.as !== 'csv';
}

function showAnswers(as: ShownAs): void {
  if (as === 'table') showTable(answers);
  if (as !== 'json' && as !== 'csv') return;
  const text = answers.length === 0 ? '' : as === 'json' ? json(answers) : csv(answers);
  const cut = text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}\n… ${(text.length - MOST_TEXT).toLocaleString('en')} more letters: the file has them` : text;
  // What is selected stays so while it says the same.
  if (element('explore-text').textContent !== cut) element('explore-text').textContent = cut;
}

function showTable(all: Answer[]): void {
  const lines = all.flatMap(({ query, lines }) => lines.map((line): [string, Line] => [query, line]));
  const head = document.createElement('tr');
  head.append(...['Series', 'Value', '', 'At'].map((text) => cell('th', text)));
  const rows = lines.slice(0, MOST_ROWS).map(([query, line]) => {
    const row = document.createElement('tr');
    const [ts, value] = line.points.at(-1) ?? [];
    const [histogramAt, buckets] = line.histograms?.at(-1) ?? [];
    const at = ts ?? histogramAt;
    const when = at === undefined ? '' : hourText(at);
    const total = buckets?.reduce((sum, [, , count]) => sum + count, 0);
    const said = value !== undefined ? String(value) : total !== undefined ? `histogram of ${format(total, 'number')} in ${buckets?.length} buckets` : '';
    row.append(cell('td', fullName(line.labels)), cell('td', said), cell('td', value === undefined ? '' : format(value, unitOfQuery(query))), cell('td', when));
    return row;
  });
  const table = element('explore-table');
  table.replaceChildren(head, ...(rows.length > 0 ? rows : [cell('td', 'No series.')]));
  if (lines.length > MOST_ROWS) table.append(cell('td', `${MOST_ROWS} of ${lines.length} lines; the files have all`));
}

function cell(kind: 'th' | 'td', text: string): HTMLElement {
  const one = document.createElement(kind);
  one.textContent = text;
  return one;
}

function submit(): void {
  const queries = written();
  keep(queries);
  showKept();
  if (!go({ queries })) window.dispatchEvent(new HashChangeEvent('hashchange'));
}

function showKept(): void {
  const picker = element<HTMLSelectElement>('history');
  picker.replaceChildren(new Option('Asked before …', ''), ...kept().map((one) => new Option(one.length > 80 ? `${one.slice(0, 80)} …` : one, one)));
}

/** To be called once. */
export function startExplore(): void {
  showKept();
  for (const as of SHOWN_AS) {
    const link = document.createElement('a');
    link.dataset.as = as;
    link.textContent = TITLES[as];
    element('explore-forms').insertBefore(link, element('explore-stacked').parentElement);
  }
  element('explore').addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  element('add-query').addEventListener('click', () => addQuestion(submit));
  const picker = element<HTMLSelectElement>('history');
  picker.addEventListener('change', () => {
    if (picker.value) go({ queries: [...here().queries, picker.value] });
    picker.value = '';
  });
  const stacked = element<HTMLInputElement>('explore-stacked');
  stacked.addEventListener('change', () => go({ stacked: stacked.checked }));
  element('download-csv').addEventListener('click', () => save('weir.csv', 'text/csv', csv(answers)));
  element('download-json').addEventListener('click', () => save('weir.json', 'application/json', json(answers)));
}
