// Variables of a dashboard: what can be chosen, and how a question has what is chosen.

import { lengthText, rateWindow, type Grid } from '../parts/range.ts';

export type Choice = { text: string; value: string };
export type Variable = {
  name: string;
  label: string;
  kind: 'query' | 'given' | 'text';
  /** Of a query: `label_values(…)` and its like; of a text: the text. */
  query: string;
  regex: string;
  sort: number;
  choices: Choice[];
  multi: boolean;
  all: boolean;
  allValue: string;
  hidden: boolean;
  usual: string[];
};
/** What is chosen of each variable: several of some. */
export type Chosen = Record<string, string[]>;
export const ALL = '$__all';

/** Choices as `a, b : c` has them. */
export function choicesOf(query: string): Choice[] {
  const parts = query.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ',').trim());
  return parts.filter(Boolean).map((part) => {
    const [, text, value] = /^(.+?)\s+:\s+(.+)$/s.exec(part) ?? [];
    return text !== undefined && value !== undefined ? { text, value } : { text: part, value: part };
  });
}

/** What a variable's regex makes of each answer: what does not match is left out. */
export function filtered(answers: string[], regex: string, sort: number): Choice[] {
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(regex) ?? [];
  const pattern = regex ? new RegExp(body ?? `^(?:${regex})$`, (flags ?? '').replaceAll('g', '')) : undefined;
  const choices = new Map<string, Choice>();
  for (const answer of answers) {
    const found = pattern?.exec(answer);
    if (pattern && !found) continue;
    const value = found?.groups?.value ?? found?.[1] ?? found?.[0] ?? answer;
    choices.set(value, { text: found?.groups?.text ?? value, value });
  }
  const made = [...choices.values()];
  if (sort === 0) return made;
  made.sort((a, b) => a.text.localeCompare(b.text, 'en', { numeric: sort === 3 || sort === 4, sensitivity: 'base' }));
  return sort % 2 === 0 ? made.reverse() : made;
}

/** What is chosen: of the address if that can be chosen, else what the dashboard was saved with, else the first. */
export function chosenOf({ kind, choices, all, multi, usual, query }: Variable, said: string[] | undefined): string[] {
  if (kind === 'text') return said ?? (usual.length > 0 ? usual : [query]);
  const can = (value: string) => (all && value === ALL) || choices.some((choice) => choice.value === value);
  for (const wanted of [said ?? [], usual]) {
    const there = wanted.filter(can);
    if (there.length > 0) return multi ? there : there.slice(0, 1);
  }
  if (all) return [ALL];
  return choices.slice(0, 1).map(({ value }) => value);
}

const NAMES = /\$\{(\w+)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]/g;

/** A question with what is chosen in place of `$name`, `${name}`, `${name:format}` and `[[name]]`; what is not known stays. */
export function filledIn(text: string, variables: Variable[], chosen: Chosen, grid: Grid): string {
  const seconds = Math.max(1, Math.round(grid.to - grid.from));
  const builtIn: Record<string, string> = {
    __interval: lengthText(grid.step),
    __interval_ms: String(grid.step * 1000),
    __rate_interval: rateWindow(grid.step),
    __range: `${seconds}s`,
    __range_s: String(seconds),
    __range_ms: String(seconds * 1000),
    __from: String(Math.round(grid.from * 1000)),
    __to: String(Math.round(grid.to * 1000)),
  };
  return text.replace(NAMES, (whole, braced?: string, how?: string, plain?: string, squared?: string) => {
    const name = braced ?? plain ?? squared ?? '';
    const variable = variables.find((one) => one.name === name);
    // `auto` of an interval is the step.
    if (variable) return written(variable, chosen[name] ?? [], how).replace(/^\$__interval$/, builtIn.__interval ?? '');
    // Grafana's own name of it has its variable's.
    return builtIn[name] ?? (name.startsWith('__auto_interval') ? (builtIn.__interval ?? whole) : whole);
  });
}

/** The names of variables that a text has. */
export const namesIn = (text: string): string[] => [...text.matchAll(NAMES)].map(([, braced, , plain, squared]) => braced ?? plain ?? squared ?? '');

function written(variable: Variable, values: string[], how: string | undefined): string {
  const isAll = values.includes(ALL);
  if (isAll && variable.allValue) return variable.allValue;
  const all = isAll ? variable.choices.map(({ value }) => value) : values;
  if (how === 'raw' || how === 'text' || how === 'csv') return all.join(',');
  if (how === 'pipe') return all.join('|');
  const isPattern = variable.multi || variable.all || how === 'regex';
  if (!isPattern) return all[0] ?? '';
  const escaped = all.map(escapedInText);
  return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
}

/** For a regex in a quoted text: what means something there means itself. */
const escapedInText = (value: string) => value.replaceAll('\\', '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
