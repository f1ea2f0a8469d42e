// One chart: drawn by uPlot, told new data, sized by its box.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { MOST_SERIES, range, type Line } from '../api.ts';
import { go } from './address.ts';
import { format, type Unit } from './format.ts';
import { chosen, fullName, lineNames } from './legend.ts';
import { withWindow, type Grid } from './range.ts';
import { lonely, table } from './table.ts';
import { ticksOf } from './ticks.ts';

export type ChartSpec = { id: string; title: string; unit: Unit; promql: string; stacked?: boolean; height?: number; order?: string[] };

const HEIGHT = 170;
const LEAST_DRAG_PX = 4;
const COLORS = 8;
/** Lines from here on have a field that chooses among them. */
const FILTER_FROM = 9;
/** Colours that come again are told apart by their strokes. */
const DASHES = [undefined, [6, 3], [2, 3], [10, 3, 2, 3]];

export class Chart {
  readonly element = document.createElement('figure');
  private readonly box = document.createElement('div');
  private readonly note = document.createElement('p');
  private readonly filter = document.createElement('input');
  private readonly count = document.createElement('span');
  private plot: uPlot | undefined;
  private names = '';
  private shown: { lines: Line[]; grid: Grid } | undefined;
  private drawn: Line[] = [];
  private asked = 0;

  constructor(readonly spec: ChartSpec) {
    const title = document.createElement('figcaption');
    title.textContent = spec.title;
    this.count.className = 'count';
    this.filter.type = 'search';
    this.filter.placeholder = 'filter lines';
    this.filter.setAttribute('aria-label', `Filter the lines of ${spec.title}`);
    this.filter.hidden = true;
    this.filter.addEventListener('input', () => this.shown && this.show(this.shown.lines, this.shown.grid));
    title.append(this.count, this.filter);
    this.note.className = 'note';
    this.note.textContent = 'loading …';
    this.element.append(title, this.box, this.note);
    this.element.dataset.chart = spec.id;
    new ResizeObserver(() => this.plot?.setSize({ width: this.width(), height: this.height() })).observe(this.element);
  }

  /** Asks and shows; an answer that comes after that of a later question is not shown. */
  async draw(grid: Grid, ask = () => range(withWindow(this.spec.promql, grid.step), grid)): Promise<Line[] | Error> {
    this.asked += 1;
    const turn = this.asked;
    try {
      const lines = ordered(await ask(), this.spec.order);
      if (turn === this.asked) this.show(lines, grid);
      return lines;
    } catch (error) {
      if (turn === this.asked) this.fail(error as Error);
      return error as Error;
    }
  }

  private show(lines: Line[], grid: Grid): void {
    this.shown = { lines, grid };
    const { drawn, found } = chosen(lines, this.filter.value);
    this.drawn = drawn;
    this.sayCounts(lines.length, found, drawn.length);
    const points = drawn.reduce((sum, line) => sum + line.points.length, 0);
    this.element.dataset.points = String(points);
    this.element.dataset.last = drawn.map((line) => line.points.at(-1)?.[1]).join(' ');
    this.element.classList.toggle('hollow', points === 0);
    this.note.hidden = points > 0;
    this.note.textContent = this.filter.value ? 'No line has this in its labels.' : 'No samples in this range.';
    this.box.hidden = points === 0;
    if (points === 0) return;
    const plain = lineNames(drawn.map((line) => line.labels));
    const names = drawn.map((line, at) => line.name ?? plain[at] ?? '');
    const data = table(drawn, this.spec.stacked ?? false, grid);
    // A chart of other lines, or of other colours, is another one.
    const key = [getComputedStyle(document.documentElement).getPropertyValue('--card'), ...drawn.map((line) => fullName(line.labels))].join('\n');
    if (this.plot && this.names === key) {
      this.plot.setData(data, false);
    } else {
      this.plot?.destroy();
      this.names = key;
      this.plot = new uPlot(this.options(names), data, this.box);
      this.plot.root.querySelectorAll<HTMLElement>('.u-legend .u-series').forEach((row, at) => {
        if (at > 0) row.title = fullName(drawn[at - 1]?.labels ?? {});
      });
    }
    this.plot.setScale('x', { min: grid.from, max: grid.to });
  }

  private fail(error: Error): void {
    this.note.hidden = false;
    this.note.textContent = error.message;
  }

  private sayCounts(all: number, found: number, drawn: number): void {
    this.filter.hidden = all < FILTER_FROM && !this.filter.value;
    const of = `${all}${all >= MOST_SERIES ? ' or more' : ''}`;
    const matching = found < all ? `, ${found} match` : '';
    this.count.textContent = drawn < all ? `${drawn} of ${of} shown${drawn < found ? matching : ''}` : '';
  }

  private width(): number {
    return Math.max(this.element.clientWidth - 16, 200);
  }

  private height(): number {
    return this.spec.height ?? HEIGHT;
  }

  private options(names: string[]): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
    const unit = this.spec.unit;
    const stacked = this.spec.stacked ?? false;
    const series = names.map((name, at): uPlot.Series => {
      const stroke = color(`--series-${(at % COLORS) + 1}`);
      const dash = DASHES[Math.floor(at / COLORS) % DASHES.length];
      const value = (_: uPlot, __: number | null, ___: number, index: number | null) =>
        format(index == null ? this.drawn[at]?.points.at(-1)?.[1] : this.plain(at, index), unit);
      return {
        label: name,
        stroke,
        width: 1.5,
        ...(dash && { dash }),
        ...(stacked && { fill: stroke + '55' }),
        points: { show: false, size: 4, filter: (plot, at) => lonely(plot.data[at] ?? []) },
        value,
      };
    });
    const ticks = (low: number, high: number) => ticksOf(low, high, unit);
    return {
      width: this.width(),
      height: this.height(),
      cursor: {
        // A zoom is said once, by the chart that it was drawn in; all follow the address.
        sync: { key: 'weir', filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave', sub: () => true } },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => (go({ zoom: undefined }), null) },
        points: { size: 6 },
      },
      hooks: { setSelect: [zoom] },
      legend: { live: true },
      scales: {
        y: {
          range: (_, low, high) => {
            const lines = ticks(low, high);
            return [lines[0] ?? 0, lines.at(-1) ?? 1];
          },
        },
      },
      axes: [
        { ...axis, size: 36, values: dated },
        { ...axis, gap: 6, size: widest, splits: (_, __, low, high) => ticks(low, high), values: (_, at) => at.map((tick) => format(tick, unit)) },
      ],
      series: [{ label: 'Time', value: (_, ts) => (ts == null ? 'newest' : new Date(ts * 1000).toLocaleString([], { hourCycle: 'h23' })) }, ...series],
      bands: stacked ? names.slice(1).map((_, at) => ({ series: [at + 2, at + 1] as [number, number] })) : [],
    };
  }

  /** A value before stacking. */
  private plain(at: number, index: number): number | null | undefined {
    const ts = this.plot?.data[0][index];
    return this.drawn[at]?.points.find(([second]) => second === ts)?.[1];
  }
}

/** Lines as those of their labels come in an order; stacked, the first is the lowest. */
export function ordered(lines: Line[], order: string[] | undefined): Line[] {
  const place = ({ labels }: Line) => Object.values(labels).reduce((at, value) => Math.max(at, order?.indexOf(value) ?? -1), -1);
  return order ? [...lines].sort((a, b) => place(a) - place(b)) : lines;
}

/** Looks closer at what was drawn over. */
function zoom(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < LEAST_DRAG_PX) return;
  const span = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') };
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (span.to - span.from >= 1) go({ zoom: span });
}

/** The room that the texts of an axis take. */
function widest(plot: uPlot, texts: string[] | null, at: number, cycle: number): number {
  const axis = plot.axes[at] as uPlot.Axis & { _size: number };
  if (cycle > 1) return axis._size;
  plot.ctx.font = String((axis.font as unknown as string[])[0]);
  const width = Math.max(0, ...(texts ?? []).map((text) => plot.ctx.measureText(text).width));
  return Math.ceil(width / devicePixelRatio) + 14;
}

/** Times of day, and the day where a new one begins. */
function dated(_: uPlot, seconds: number[], __: number, ___: number, step: number): string[] {
  let before = '';
  return seconds.map((second) => {
    const date = new Date(second * 1000);
    const day = `${date.getMonth() + 1}-${String(date.getDate()).padStart(2, '0')}`;
    const time = date.toTimeString().slice(0, step < 60 ? 8 : 5);
    const shown = step >= 86_400 ? day : before && before !== day ? `${time}\n${day}` : time;
    before = day;
    return shown;
  });
}
