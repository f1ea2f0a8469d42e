// A panel as it is seen.

import * as api from '../api.ts';
import { Chart, type Ask } from '../parts/chart.ts';
import type { Mark } from '../parts/marks.ts';
import { fullName, lineNames } from '../parts/legend.ts';
import type { Grid } from '../parts/range.ts';
import { linesOf, type Answer } from './ask.ts';
import { colored, reduced, shareOf, written } from './figure.ts';
import { markdown } from './markdown.ts';
import type { Panel } from './model.ts';

const MOST_ROWS = 200;
/** Pixels that a row of Grafana's grid has, and those of a panel that are no chart. */
const ROW_PX = 34;
const AROUND_PX = 110;

type Fill = (text: string) => string;

export class PanelView {
  readonly element: HTMLElement;
  private readonly chart: Chart | undefined;
  private readonly body = made('div');
  private asked = 0;

  constructor(readonly panel: Panel) {
    if (panel.kind === 'timeseries' || panel.kind === 'heatmap') {
      const height = Math.max(110, panel.place.h * ROW_PX - AROUND_PX);
      const promql = panel.targets.map(({ expr }) => expr).join('\n');
      this.chart = new Chart({ id: panel.title, title: panel.title, unit: panel.unit, promql, stacked: panel.stacked, height, min: panel.min, max: panel.max, byBounds: panel.kind === 'heatmap' });
      this.element = this.chart.element;
    } else {
      this.element = made('figure');
      if (panel.title) this.element.append(made('figcaption', panel.title));
      this.element.append(this.body);
      this.body.className = 'panel';
    }
    if (panel.description) this.element.title = panel.description;
    this.element.classList.add('board-panel');
    const { x, w, h } = panel.place;
    this.element.style.gridColumn = `${x + 1} / span ${w}`;
    this.element.style.setProperty('--rows', String(h));
    if (panel.why) this.body.append(made('p', `Not shown: ${panel.why}.`, 'note'));
    if (panel.kind === 'text') this.body.append(...markdown(panel.text));
  }

  mark(marks: Mark[]): void {
    this.chart?.mark(marks);
  }

  /** Asks and shows; what fails is said in the panel's place. */
  async draw(grid: Grid, fill: Fill): Promise<Error | undefined> {
    const { panel } = this;
    if (!panel.kind || panel.kind === 'text') return undefined;
    this.asked += 1;
    const turn = this.asked;
    if (this.chart) {
      const outcome = await this.chart.draw(grid, async () => joined(await linesOf(panel, fill, grid)));
      return outcome instanceof Error ? outcome : undefined;
    }
    try {
      const shown = panel.kind === 'alertlist' ? [alertList(await api.alerts())] : shownOf(panel, await linesOf(panel, fill, grid));
      if (turn === this.asked) this.body.replaceChildren(...shown);
      return undefined;
    } catch (error) {
      if (turn === this.asked) this.body.replaceChildren(made('p', (error as Error).message, 'note bad'));
      return error as Error;
    }
  }
}

/** The lines of all questions, and the tiers and the earliest watermark of what they read. */
function joined(answers: Answer[]): Awaited<ReturnType<Ask>> {
  const costs = answers.flatMap(({ cost }) => cost ?? []);
  const watermarks = costs.flatMap(({ watermark }) => watermark ?? []);
  const cost = { tiers: [...new Set(costs.flatMap(({ tiers }) => tiers))], watermark: watermarks.length > 0 ? Math.min(...watermarks) : undefined };
  return { lines: answers.flatMap(({ lines }) => lines), cost };
}

function shownOf(panel: Panel, answers: Answer[]): Node[] {
  if (panel.kind === 'table') return [tableOf(panel, answers)];
  const lines = answers.flatMap(({ lines }) => lines);
  if (lines.length === 0) return [made('p', panel.mappings.get('NaN') ?? 'No samples.', 'note')];
  const plain = lineNames(lines.map(({ labels }) => labels));
  const values = lines.map((line) => reduced(line, panel.calc));
  const highest = Math.max(...values.map((value) => value ?? 0));
  return lines.slice(0, MOST_ROWS).map((line, at) => {
    const value = values[at];
    const name = line.name ?? plain[at] ?? '';
    const text = made('span', written(value, panel), 'figure');
    text.style.color = colored(value, panel);
    const row = made('div', '', panel.kind === 'bargauge' ? 'bar' : 'stat');
    if (lines.length > 1 || panel.kind === 'bargauge') row.append(made('span', name, 'name'));
    row.title = fullName(line.labels);
    if (panel.kind !== 'stat') row.append(meter(shareOf(value, panel, highest), text.style.color));
    row.append(text);
    return row;
  });
}

/** A bar; the number beside it says the same. */
function meter(share: number, color: string): HTMLElement {
  const bar = made('div', '', 'meter');
  const full = made('div');
  full.style.width = `${share * 100}%`;
  if (color) full.style.background = color;
  bar.setAttribute('aria-hidden', 'true');
  bar.append(full);
  return bar;
}

/** Labels and values as columns: series of several questions with the same labels are one row. */
export function columnsOf(panel: Panel, answers: Answer[]): { head: string[]; rows: string[][] } {
  const valueName = ({ target }: Answer) => (answers.length > 1 ? `Value #${target.refId}` : 'Value');
  const merged = new Map<string, Record<string, string>>();
  for (const answer of answers) {
    for (const line of answer.lines) {
      const key = JSON.stringify(Object.entries(line.labels).filter(([label]) => label !== '__name__').sort());
      const row = merged.get(key) ?? { ...line.labels };
      row[valueName(answer)] = written(reduced(line, panel.calc), panel);
      merged.set(key, row);
    }
  }
  const all = [...merged.values()];
  const { without, names, order } = panel.columns;
  const known = [...new Set([...all.flatMap(Object.keys), ...answers.map(valueName)])].filter((name) => !without.has(name));
  const isValue = (name: string) => name.startsWith('Value');
  known.sort((a, b) => (order[a] ?? 99) - (order[b] ?? 99) || Number(isValue(a)) - Number(isValue(b)));
  return { head: known.map((name) => names[name] || name), rows: all.map((row) => known.map((name) => row[name] ?? '')) };
}

function tableOf(panel: Panel, answers: Answer[]): Node {
  const { head, rows } = columnsOf(panel, answers);
  if (rows.length === 0) return made('p', 'No series.', 'note');
  return table(head, rows);
}

function table(head: string[], rows: string[][]): Node {
  const box = made('div', '', 'scroll');
  const all = document.createElement('table');
  const line = (cells: string[], kind: 'th' | 'td') => {
    const row = made('tr');
    row.append(...cells.map((cell) => made(kind, cell)));
    return row;
  };
  all.append(line(head, 'th'), ...rows.slice(0, MOST_ROWS).map((row) => line(row, 'td')));
  box.append(all);
  if (rows.length > MOST_ROWS) box.append(made('p', `${MOST_ROWS} of ${rows.length} shown.`, 'note'));
  return box;
}

function alertList(alerts: api.Alert[]): Node {
  if (alerts.length === 0) return made('p', 'No alert is pending or firing.', 'note');
  return table(['State', 'Alert', 'Labels'], alerts.map(({ state, labels: { alertname = '', ...labels } }) => [state, alertname, fullName(labels)]));
}

function made(kind: string, content = '', className = ''): HTMLElement {
  const element = document.createElement(kind);
  element.textContent = content;
  if (className) element.className = className;
  return element;
}
