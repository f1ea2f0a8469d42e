// The unit of a metric: as it was told, or by the end of its name.

import type { Unit } from './format.ts';

export type Told = { type: string; unit?: string };

const PER_SECOND: Partial<Record<Unit, Unit>> = { bytes: 'bytes/s', number: '1/s', seconds: 'ratio' };
const ENDS: [RegExp, Unit][] = [
  [/_timestamp_seconds$|_boot_time_seconds$|_start_time_seconds$/, 'time'],
  [/_bytes$/, 'bytes'],
  [/_seconds$/, 'seconds'],
  [/_milliseconds$|_ms$/, 'milliseconds'],
  [/_ratio$/, 'ratio'],
  [/_percent$/, 'percent'],
];

/** What a metric's values are in; a total's are those of its rate. */
export function unitOf(name: string, told?: Told): Unit {
  const plain = name.replace(/_(total|sum|bucket)$/, '');
  const unit = ENDS.find(([end]) => end.test(told?.unit ? `_${told.unit}` : plain))?.[1] ?? 'number';
  return told?.type === 'counter' || name.endsWith('_total') ? perSecond(unit) : unit;
}

const perSecond = (unit: Unit): Unit => PER_SECOND[unit] ?? unit;

/** The unit of what a distribution is of, whose rate says how many of it there are. */
export const ofOne = (unit: Unit): Unit => (unit === 'bytes/s' ? 'bytes' : unit === '1/s' ? 'number' : unit);

const RATE = /\b(rate|irate|deriv)\s*\(/;
const COUNT = /^\s*(count|count_values|absent|group|count_over_time|changes|resets)\b/;

/** What an expression's values are in, as far as its metrics agree. */
export function unitOfQuery(promql: string): Unit {
  const text = promql.replaceAll(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/g, '""').replaceAll(/\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  if (COUNT.test(text) || /[/*^%]|[<>=!]=?\s*bool/.test(text)) return 'number';
  const names = [...text.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|\w)/g)].map(([name]) => name).filter((name) => name.includes('_'));
  const units = new Set(names.map((name) => (RATE.test(text) ? perSecond(base(name)) : base(name))));
  const [only] = units;
  if (units.size !== 1 || !only) return 'number';
  return /\bhistogram_quantile\s*\(/.test(text) ? base(names[0] ?? '') : only;
}

/** A total as it stands, not its rate. */
const base = (name: string): Unit => unitOf(name.replace(/_total$/, ''));
