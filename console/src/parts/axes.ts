// What all charts have alike: the axis of time, the width of texts, the zoom, and lines across.

import uPlot from 'uplot';
import { go } from './address.ts';
import { dayKey, hourText, timeText, zone as zoneChosen } from './clock.ts';
import { format, type Unit } from './format.ts';

const LEAST_DRAG_PX = 4;

export const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const timeSeries = (): uPlot.Series => ({
  label: zoneChosen() ? `Time, ${zoneChosen()}` : 'Time',
  value: (_, ts) => (ts == null ? 'newest' : timeText(ts)),
});

/** The clock that steps of the axis of time are round on. */
export const zonedDate = (second: number): Date => (zoneChosen() ? uPlot.tzDate(new Date(second * 1000), zoneChosen()) : new Date(second * 1000));

/** A zoom is said once, by the chart that it was drawn in; all follow the address. */
export const cursor = (): uPlot.Cursor => ({
  sync: { key: 'weir', filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave', sub: () => true } },
  drag: { x: true, y: false, setScale: false },
  bind: { dblclick: () => () => (go({ zoom: undefined }), null) },
  points: { size: 6 },
});

export function axesOf(unit: Unit, splits?: (low: number, high: number) => number[]): uPlot.Axis[] {
  const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  const values = (_: uPlot, at: (number | null)[]) => at.map((tick) => (tick === null ? '' : format(tick, unit)));
  return [
    { ...axis, size: 36, space: 84, values: dated },
    { ...axis, gap: 6, size: widest, values, ...(splits && { splits: (_: uPlot, __: number, low: number, high: number) => splits(low, high) }) },
  ];
}

/** Looks closer at what was drawn over. */
export function zoom(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < LEAST_DRAG_PX) return;
  const span = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') };
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (span.to - span.from >= 1) go({ zoom: span });
}

/** Values that lines are held against. */
export function drawThresholds({ ctx, bbox, valToPos }: uPlot, thresholds: number[]): void {
  ctx.save();
  ctx.strokeStyle = color('--bad');
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const threshold of thresholds) {
    const y = Math.round(valToPos(threshold, 'y', true));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
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
export function dated(_: uPlot, seconds: number[], __: number, ___: number, step: number): string[] {
  let before = '';
  return seconds.map((second) => {
    const day = dayKey(second).slice(5).replace(/^0/, '');
    const time = hourText(second, step < 60);
    const shown = step >= 86_400 ? day : before && before !== day ? `${time}\n${day}` : time;
    before = day;
    return shown;
  });
}

/** What is newer than the data of all senders may still grow. */
export function shadeAfter({ ctx, bbox, valToPos }: uPlot, watermark: number | undefined): void {
  if (watermark === undefined) return;
  const left = Math.max(bbox.left, valToPos(watermark, 'x', true));
  const right = bbox.left + bbox.width;
  if (!(left < right)) return;
  ctx.save();
  ctx.globalAlpha = 0.09;
  ctx.fillStyle = color('--muted');
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.restore();
}
