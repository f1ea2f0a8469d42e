// What a server says of itself, as figures: sums of its samples, and how fast its totals grow.

import { format, type Unit } from './format.ts';
import type { Sample } from './exposition.ts';
import { fullName } from './legend.ts';

/** A row of a stage: of one metric, its samples added, or the highest of them, or a total's growth. */
export type Figure = { title: string; metric: string; unit: Unit; how?: 'sum' | 'highest' | 'growth'; where?: Record<string, string>; bad?: (value: number) => boolean };
export type Stage = { title: string; figures: Figure[] };
export type Reading = { at: number; samples: Sample[] };
export type Shown = { title: string; text: string; bad: boolean };

/** The rows of a stage that this server has something to say about. */
export function figuresOf(stage: Stage, now: Reading, before: Reading | undefined): Shown[] {
  return stage.figures.flatMap((figure) => {
    const value = reduce(figure, now);
    if (value === undefined) return [];
    const earlier = before && reduce(figure, before);
    const shown = figure.how !== 'growth' ? value : before && earlier !== undefined ? growth(value - earlier, now.at - before.at) : undefined;
    return [{ title: figure.title, text: format(shown, figure.unit), bad: shown !== undefined && (figure.bad?.(shown) ?? false) }];
  });
}

function reduce({ metric, how, where = {} }: Figure, { samples }: Reading): number | undefined {
  const of = samples.filter(({ name, labels }) => name === metric && Object.entries(where).every(([label, value]) => labels[label] === value));
  if (of.length === 0) return undefined;
  const values = of.map(({ value }) => value);
  return how === 'highest' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
}

/** A total that fell was of another process: it says nothing yet. */
const growth = (more: number, seconds: number) => (more < 0 || seconds <= 0 ? undefined : more / seconds);

const FAULT = /(refused|dropped|failures?|failed|lost|damaged|shed|denied|folded|drops|errors|unacked|missing|oversize|skipped|unreachable|expired|forgotten)[a-z_]*_total$/;
const FAULTY_NOW = /^weir_(step_failing|backend_failing|store_refusing|gateway_cloned_agents|sink_left_out_senders|sink_clocks_(ahead|behind))$/;

export type Fault = { name: string; total: number; perSecond: number | undefined };

/** What has gone wrong since the server began, what goes wrong now first. */
export function faultsOf(now: Reading, before: Reading | undefined): Fault[] {
  const earlier = new Map(before?.samples.map((sample) => [key(sample), sample.value]));
  const faults = now.samples
    .filter(({ name, value }) => value > 0 && (FAULTY_NOW.test(name) || FAULT.test(name)))
    .map((sample) => {
      const was = earlier.get(key(sample));
      const passed = before && !FAULTY_NOW.test(sample.name) && was !== undefined;
      return { name: key(sample), total: sample.value, perSecond: passed ? growth(sample.value - was, now.at - before.at) : undefined };
    });
  return faults.sort((a, b) => (b.perSecond ?? 0) - (a.perSecond ?? 0) || b.total - a.total);
}

const key = ({ name, labels }: Sample) => fullName({ __name__: name, ...labels });
