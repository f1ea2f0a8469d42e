// The names of lines: as short as tells them apart.

import type { Labels, Line } from '../api.ts';

export const MOST_LINES = 50;

/** One name for each of these, of the labels that differ; names that would be the same have the labels' names too. */
export function lineNames(all: Labels[]): string[] {
  const labels = [...new Set(all.flatMap(Object.keys))];
  const differing = labels.filter((label) => all.some((one) => (one[label] ?? '') !== (all[0]?.[label] ?? '')));
  if (differing.length === 0) return all.map((one) => one.__name__ ?? (Object.values(one).join(' ') || 'value'));
  const values = all.map((one) => differing.map((label) => one[label] ?? '').filter(Boolean).join(' '));
  const seen = new Map<string, number>();
  for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1);
  return values.map((value, at) => (value && seen.get(value) === 1 ? value : fullName(pick(all[at]!, differing))));
}

const pick = (one: Labels, labels: string[]): Labels => Object.fromEntries(labels.flatMap((label) => (one[label] ? [[label, one[label]]] : [])));

/** All labels, as PromQL writes them. */
export function fullName({ __name__: name = '', ...labels }: Labels): string {
  const text = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return text.length > 0 || !name ? `${name}{${text.join(', ')}}` : name;
}

/** The lines that are drawn: those that the filter names, and of too many the ones with the highest newest values. */
export function chosen(lines: Line[], filter: string, most = MOST_LINES): { drawn: Line[]; found: number } {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? lines : lines.filter(({ labels }) => words.every((word) => fullName(labels).toLowerCase().includes(word)));
  if (found.length <= most) return { drawn: found, found: found.length };
  const newest = (line: Line) => line.points.at(-1)?.[1] || 0;
  const highest = new Set([...found].sort((a, b) => newest(b) - newest(a)).slice(0, most));
  return { drawn: found.filter((line) => highest.has(line)), found: found.length };
}
