// The fleet as a map: a cell for each agent, in the order of hosts, the darker the worse. The table below says the same in words.

import * as api from '../api.ts';
import { go, here, type Address } from '../parts/address.ts';
import { format, type Unit } from '../parts/format.ts';

const CELL_PX = 9;
const MEASURES: [by: string, name: string, unit: Unit][] = [
  ['silence', 'silence', 'seconds'],
  ['lost', 'batches lost', 'number'],
  ['spooled', 'batches in spool', 'number'],
  ['missing', 'share missing', 'ratio'],
];

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
let shown: api.AgentsMap | undefined;

export async function refreshFleetMap({ by, search }: Address): Promise<void> {
  const told = await api.agentsMap(known(by), search);
  const now = here();
  // Who goes on meanwhile sees the answer to the later question.
  if (now.by !== by || now.search !== search) return;
  shown = told;
  element<HTMLSelectElement>('fleet-by').value = known(by);
  drawMap();
}

const known = (by: string) => MEASURES.find(([one]) => one === by)?.[0] ?? 'silence';

/** How many agents are at each level, and what the level means. */
export function legendOf({ levels, steps }: api.AgentsMap, unit: Unit): { level: string; text: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const level of levels) counts.set(level, (counts.get(level) ?? 0) + 1);
  const meaning = (level: string) => {
    if (level === '-') return 'gone';
    const step = steps[Number(level) - 1];
    return step === undefined ? `up to ${format(steps[0], unit)}` : `over ${format(step, unit)}`;
  };
  return [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([level, count]) => ({ level, text: meaning(level), count }));
}

/** The place of a cell among as many columns as fit. */
export function cellAt(x: number, y: number, columns: number, all: number): number | undefined {
  const column = Math.floor(x / CELL_PX);
  const at = Math.floor(y / CELL_PX) * columns + column;
  return column >= 0 && column < columns && at >= 0 && at < all ? at : undefined;
}

const columnsOf = (canvas: HTMLCanvasElement) => Math.max(1, Math.floor((canvas.parentElement?.clientWidth ?? 0) / CELL_PX));

function drawMap(): void {
  if (!shown) return;
  const canvas = element<HTMLCanvasElement>('fleet-cells');
  const { levels } = shown;
  const columns = columnsOf(canvas);
  canvas.width = columns * CELL_PX;
  canvas.height = Math.max(1, Math.ceil(levels.length / columns)) * CELL_PX;
  const context = canvas.getContext('2d');
  if (!context) return;
  const colors = new Map([...new Set(levels)].map((level) => [level, colorOf(level)]));
  let last = '';
  for (let at = 0; at < levels.length; at += 1) {
    const level = levels[at] ?? '-';
    if (level !== last) context.fillStyle = colors.get(level) ?? '';
    last = level;
    context.fillRect((at % columns) * CELL_PX, Math.floor(at / columns) * CELL_PX, CELL_PX - 1, CELL_PX - 1);
  }
  const [, name, unit] = MEASURES.find(([by]) => by === known(here().by))!;
  const legend = legendOf(shown, unit);
  element('fleet-legend').replaceChildren(...legend.map(({ level, text, count }) => legendEntry(colorOf(level), `${text}: ${count.toLocaleString('en')}`)));
  canvas.setAttribute('aria-label', `Agents by ${name}: ${legend.map(({ text, count }) => `${count} ${text}`).join(', ')}`);
}

function legendEntry(color: string, text: string): HTMLElement {
  const entry = document.createElement('span');
  const mark = document.createElement('span');
  mark.className = 'mark';
  mark.style.background = color;
  entry.append(mark, text);
  return entry;
}

/** From well to lost, in the colours of the theme; a goodbye is grey. */
function colorOf(level: string): string {
  const style = getComputedStyle(document.documentElement);
  const names: Record<string, string> = { '-': '--line', '0': '--series-3', '1': '--series-4', '2': '--series-2' };
  return style.getPropertyValue(names[level] ?? '--bad').trim();
}

/** To be called once. */
export function startFleetMap(): void {
  const picker = element<HTMLSelectElement>('fleet-by');
  for (const [by, name] of MEASURES) picker.add(new Option(name, by));
  picker.addEventListener('change', () => go({ by: picker.value }));
  const canvas = element<HTMLCanvasElement>('fleet-cells');
  canvas.addEventListener('click', (event) => void open(event).catch(() => undefined));
  new ResizeObserver(drawMap).observe(canvas.parentElement!);
}

/** Goes to the host of a cell. */
async function open(event: MouseEvent): Promise<void> {
  const canvas = element<HTMLCanvasElement>('fleet-cells');
  const at = cellAt(event.offsetX, event.offsetY, columnsOf(canvas), shown?.levels.length ?? 0);
  if (at === undefined) return;
  const { agents } = await api.agents({ search: here().search, state: '', sort: 'host', order: undefined, limit: 1, offset: at });
  if (agents[0]?.host) go({ page: 'host', host: agents[0].host });
}
