// The stretch of time that is looked at, and the grid of steps that it is asked on.

export type Span = { from: number; to: number };

/** Seconds back from now that can be chosen. */
export const PRESETS: [name: string, seconds: number][] = [
  ['5 minutes', 300],
  ['15 minutes', 900],
  ['1 hour', 3_600],
  ['6 hours', 21_600],
  ['24 hours', 86_400],
  ['2 days', 172_800],
  ['7 days', 604_800],
  ['30 days', 2_592_000],
];

/** Steps of a chart at most: about one for each pixel and a half of an ordinary one. */
export const MOST_STEPS = 360;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];
/** Steps from here on are long enough that what came since the last one is missed. */
const TAIL_FROM_S = 15;

export function stepFor(seconds: number): number {
  return STEPS.find((step) => seconds / step <= MOST_STEPS) ?? Math.ceil(seconds / MOST_STEPS / 86_400) * 86_400;
}

/** Whole steps that cover a span, so that an answer can be kept and extended, and what is newer than the last of them. */
export type Grid = Span & { start: number; end: number; step: number; tail: boolean };

export function gridOf({ from, to }: Span): Grid {
  const step = stepFor(to - from);
  const end = Math.floor(to / step) * step;
  return { from, to, step, start: Math.floor(from / step) * step, end, tail: step >= TAIL_FROM_S && to > end };
}

/** The window of rates: it never skips a sample between two steps, and holds enough of them. */
export function rateWindow(step: number): string {
  return `${Math.max(60, 4 * step)}s`;
}

/** A question with the window of rates in the place of `$window`, as long as that, so that places in it stay the same. */
export function withWindow(promql: string, step: number): string {
  return promql.replaceAll('$window', rateWindow(step).padEnd('$window'.length));
}

/** Moves a span by half of its length, and not into the future. */
export function shifted({ from, to }: Span, direction: -1 | 1, now: number): Span {
  const by = Math.min((direction * (to - from)) / 2, Math.max(0, now - to));
  return { from: from + by, to: to + by };
}

/** Twice the span around its middle, and not into the future. */
export function widened({ from, to }: Span, now: number): Span {
  const length = (to - from) * 2;
  const end = Math.min(to + length / 4, now);
  return { from: end - length, to: end };
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** Seconds of a length such as 15m; nothing else is read. */
export function readLength(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit ?? ''] ?? 0);
  return seconds > 0 ? seconds : undefined;
}

export function lengthText(seconds: number): string {
  const unit = ['d', 'h', 'm'].find((one) => seconds % UNITS[one]! === 0) ?? 's';
  return `${seconds / UNITS[unit]!}${unit}`;
}
