// Prometheus' text, as /metrics has it.

import type { Labels } from '../api.ts';

export type Sample = { name: string; labels: Labels; value: number };

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const WORDS: Record<string, number> = { '+Inf': Infinity, Inf: Infinity, '-Inf': -Infinity, NaN };

/** Reads what it can: a line that is none is left out. */
export function readExposition(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, inside = '', value = ''] = LINE.exec(line.trim()) ?? [];
    if (!name) return [];
    const labels = Object.fromEntries([...inside.matchAll(LABEL)].map(([, label = '', quoted = '']) => [label, unquoted(quoted)]));
    return [{ name, labels, value: WORDS[value] ?? Number(value) }];
  });
}

const unquoted = (text: string) => text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
