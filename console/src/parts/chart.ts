// One chart: drawn by uPlot, told new data, sized by its box.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { MOST_SERIES, rangeWhole, type Cost, type Line } from '../api.ts';
import { axesOf, color, cursor, drawThresholds, shadeAfter, timeSeries, zonedDate, zoom } from './axes.ts';
import { clockKey } from './clock.ts';
import { stepsOf } from './distribution.ts';
import { format, type Unit } from './format.ts';
import { chosen, fullName, lineNames } from './legend.ts';
import { withWindow, type Grid } from './range.ts';
import { heatOf, heatOptions, type Heat } from './heat.ts';
import { Marks, type Mark } from './marks.ts';
import { lonely, table } from './table.ts';
import { ofOne } from './unit.ts';
import { ticksOf } from './ticks.ts';

export type ChartSpec = { id: string; title: string; unit: Unit; promql: string; stacked?: boolean; height?: number; order?: string[]; thresholds?: number[]; byBounds?: boolean; min?: number | undefined; max?: number | undefined };

/** Lines, and what is said of where they are from. */
export type Ask = () => Promise<{ lines: Line[]; cost: Pick<Cost, 'tiers' | 'watermark'> | undefined }>;

const HEIGHT = 170;
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
  private cost: Pick<Cost, 'tiers' | 'watermark'> | undefined;
  private readonly marks = new Marks();

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
  async draw(grid: Grid, ask: Ask = () => rangeWhole(withWindow(this.spec.promql, grid.step), grid)): Promise<Line[] | Error> {
    this.asked += 1;
    const turn = this.asked;
    try {
      const answer = await ask();
      const lines = ordered(answer.lines, this.spec.order);
      this.cost = answer.cost;
      if (turn === this.asked) this.show(lines, grid);
      return lines;
    } catch (error) {
      if (turn === this.asked) this.fail(error as Error);
      return error as Error;
    }
  }

  /** Shows what happened, over the lines; stretches without an end last until the chart's. */
  mark(marks: Mark[]): void {
    this.marks.set(marks);
    this.place();
  }

  private place(): void {
    if (this.plot) this.marks.place(this.plot);
  }

  private show(lines: Line[], grid: Grid): void {
    this.shown = { lines, grid };
    const { drawn, found } = chosen(lines, this.filter.value);
    this.drawn = drawn;
    this.sayCounts(lines.length, found, drawn.length);
    const heat = heatOf(stepsOf(drawn, this.spec.byBounds ?? false), grid);
    const points = heat?.data[0].length ?? drawn.reduce((sum, line) => sum + line.points.length, 0);
    this.element.dataset.points = String(points);
    this.element.dataset.last = drawn.map((line) => line.points.at(-1)?.[1]).join(' ');
    this.element.classList.toggle('hollow', points === 0);
    this.note.hidden = points > 0;
    this.note.textContent = this.filter.value ? 'No line has this in its labels.' : 'No samples in this range.';
    this.box.hidden = points === 0;
    if (points === 0) return;
    if (heat) this.drawHeat(heat, drawn.length);
    else this.drawLines(drawn, grid);
    this.plot?.setScale('x', { min: grid.from, max: grid.to });
  }

  /** A heatmap is made anew each time: its rows are where its values are. */
  private drawHeat(heat: Heat, count: number): void {
    const { width, height } = { width: this.width(), height: this.height() };
    this.plot?.destroy();
    this.names = 'heat';
    const options = heatOptions(heat, ofOne(this.spec.unit));
    this.plot = new uPlot({ ...options, width, height, hooks: { ...options.hooks, drawClear: [(plot) => shadeAfter(plot, this.cost?.watermark)], draw: [(plot) => this.marks.place(plot)] } }, heat.data, this.box);
    this.plot.root.title = count > 1 ? `${count} series, added up` : '';
    this.place();
  }

  private drawLines(drawn: Line[], grid: Grid): void {
    const plain = lineNames(drawn.map((line) => line.labels));
    const names = drawn.map((line, at) => line.name ?? plain[at] ?? '');
    const data = table(drawn, this.spec.stacked ?? false, grid);
    // A chart of other lines, of other colours or by another clock is another one.
    const key = [clockKey(), getComputedStyle(document.documentElement).getPropertyValue('--card'), ...drawn.map((line) => fullName(line.labels))].join('\n');
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
  }

  private fail(error: Error): void {
    this.note.hidden = false;
    this.note.textContent = error.message;
  }

  private sayCounts(all: number, found: number, drawn: number): void {
    this.filter.hidden = all < FILTER_FROM && !this.filter.value;
    const of = `${all}${all >= MOST_SERIES ? ' or more' : ''}`;
    const matching = found < all ? `, ${found} match` : '';
    const shown = drawn < all ? `${drawn} of ${of} shown${drawn < found ? matching : ''}` : '';
    const tiers = this.cost?.tiers.filter((tier) => tier !== 'raw') ?? [];
    const coarse = tiers.length > 0 ? `from the tier of ${tiers.join(' and ')}` : '';
    this.count.textContent = [shown, coarse].filter(Boolean).join(', ');
  }

  private width(): number {
    return Math.max(this.element.clientWidth - 16, 200);
  }

  private height(): number {
    return this.spec.height ?? HEIGHT;
  }

  private options(names: string[]): uPlot.Options {
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
      cursor: cursor(),
      tzDate: zonedDate,
      hooks: { setSelect: [zoom], drawAxes: [(plot) => shadeAfter(plot, this.cost?.watermark)], draw: [(plot) => drawThresholds(plot, this.spec.thresholds ?? []), (plot) => this.marks.place(plot)] },
      legend: { live: true },
      scales: {
        y: {
          range: (_, low, high) => {
            // Without lines it has no extremes; a threshold is always seen.
            const ends = [...(this.spec.thresholds ?? []), low, high].filter((one) => one != null);
            const { min, max } = this.spec;
            const lines = ticks(min ?? Math.min(...ends), max ?? Math.max(...ends));
            return [min ?? lines[0] ?? 0, max ?? lines.at(-1) ?? 1];
          },
        },
      },
      axes: axesOf(unit, ticks),
      series: [timeSeries(), ...series],
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
