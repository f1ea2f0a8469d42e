// One chart: drawn by uPlot, told new data, sized by its box.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Line } from '../api.ts';
import type { ChartSpec } from '../pages/hosts.ts';
import { go } from './address.ts';
import { format, lineName } from './format.ts';

const HEIGHT = 170;
const LEAST_DRAG_PX = 4;

export class Chart {
  readonly element = document.createElement('figure');
  private readonly box = document.createElement('div');
  private readonly note = document.createElement('p');
  private plot: uPlot | undefined;
  private names = '';

  constructor(readonly spec: ChartSpec) {
    const title = document.createElement('figcaption');
    title.textContent = spec.title;
    this.note.className = 'note';
    this.note.textContent = 'loading …';
    this.element.append(title, this.box, this.note);
    this.element.dataset.chart = spec.id;
    new ResizeObserver(() => this.plot?.setSize({ width: this.width(), height: HEIGHT })).observe(this.element);
  }

  show(lines: Line[], from: number, to: number): void {
    const points = lines.reduce((sum, line) => sum + line.points.length, 0);
    this.element.dataset.points = String(points);
    this.element.dataset.last = lines.map((line) => line.points.at(-1)?.[1]).join(' ');
    this.note.hidden = points > 0;
    this.note.textContent = 'No samples in this range.';
    this.box.hidden = points === 0;
    if (points === 0) return;
    const labels = lines.map((line) => line.labels);
    const names = lines.map((line) => lineName(line.labels, labels));
    const data = table(lines, this.spec.stacked ?? false);
    if (this.plot && this.names === names.join('\n')) {
      this.plot.setData(data, false);
    } else {
      this.plot?.destroy();
      this.names = names.join('\n');
      this.plot = new uPlot(this.options(names, lines), data, this.box);
    }
    this.plot.setScale('x', { min: from, max: to });
  }

  fail(error: Error): void {
    this.note.hidden = false;
    this.note.textContent = error.message;
  }

  private width(): number {
    return Math.max(this.element.clientWidth - 16, 200);
  }

  private options(names: string[], lines: Line[]): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
    const unit = this.spec.unit;
    const stacked = this.spec.stacked ?? false;
    const series = names.map((name, at): uPlot.Series => {
      const stroke = color(`--series-${(at % 8) + 1}`);
      const value = (_: uPlot, __: number | null, ___: number, index: number | null) => {
        const plain = index == null ? lines[at]?.points.at(-1)?.[1] : this.plain?.[at]?.[index];
        return format(plain, unit);
      };
      return { label: name, stroke, width: 1.5, fill: stacked ? stroke + '55' : undefined, points: { show: false }, value };
    });
    return {
      width: this.width(),
      height: HEIGHT,
      cursor: {
        // A zoom is said once, by the chart that it was drawn in; all follow the address.
        sync: { key: 'weir', filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave', sub: () => true } },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => (go({ zoom: undefined }), null) },
        points: { size: 6 },
      },
      hooks: { setSelect: [zoom] },
      legend: { live: true },
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
      axes: [axis, { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => format(tick, unit)) }],
      series: [{ value: (_, ts) => (ts == null ? '' : new Date(ts * 1000).toLocaleTimeString([], { hourCycle: 'h23' })) }, ...series],
      bands: stacked ? names.slice(1).map((_, at) => ({ series: [at + 2, at + 1] as [number, number] })) : [],
    };
  }

  /** Values before stacking, for the legend. */
  private get plain(): (number | null)[][] | undefined {
    const data = this.plot?.data.slice(1) as (number | null)[][] | undefined;
    if (!data || !this.spec.stacked) return data;
    return data.map((row, at) => row.map((sum, i) => (sum == null ? null : sum - (at > 0 ? (data[at - 1]?.[i] ?? 0) : 0))));
  }
}

/** Looks closer at what was drawn over. */
function zoom(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < LEAST_DRAG_PX) return;
  const span = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') };
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (span.to - span.from >= 1) go({ zoom: span });
}

/** Lines with times of their own as one table; stacked lines are summed from the first on. */
export function table(lines: Line[], stacked: boolean): uPlot.AlignedData {
  const times = [...new Set(lines.flatMap((line) => line.points.map(([ts]) => ts)))].sort((a, b) => a - b);
  let below: (number | null)[] = times.map(() => 0);
  const rows = lines.map((line) => {
    const values = new Map(line.points);
    const row = times.map((ts) => values.get(ts) ?? null);
    if (!stacked) return row;
    below = row.map((value, at) => (value == null ? null : value + (below[at] ?? 0)));
    return below;
  });
  return [times, ...rows];
}
