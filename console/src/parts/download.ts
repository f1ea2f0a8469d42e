// What was answered, as files.

import type { Line } from '../api.ts';
import { fullName } from './legend.ts';

export type Answer = { query: string; lines: Line[] };

/** A row for each time, a column for each line. */
export function csv(answers: Answer[]): string {
  const lines = answers.flatMap((answer) => answer.lines.map((line) => ({ ...line, query: answer.query })));
  const values = lines.map((line) => new Map(line.points));
  const times = [...new Set(lines.flatMap((line) => line.points.map(([ts]) => ts)))].sort((a, b) => a - b);
  const name = (line: (typeof lines)[number]) => (answers.length > 1 ? `${line.query} ${fullName(line.labels)}` : fullName(line.labels));
  const head = ['time', ...lines.map(name)].map(field).join(',');
  const rows = times.map((ts) => [new Date(ts * 1000).toISOString(), ...values.map((of) => String(of.get(ts) ?? ''))].join(','));
  return [head, ...rows, ''].join('\r\n');
}

/** A sheet takes what begins with one of these for a formula. */
const field = (text: string) => `"${/^[=+\-@\t\r]/.test(text) ? `'${text}` : text}"`.replaceAll(/(?<!^)"(?!$)/g, '""');

export function json(answers: Answer[]): string {
  return JSON.stringify(answers, null, 1);
}

export function save(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
