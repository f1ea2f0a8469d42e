// What completion offers: asked of this server with the token of the page, and kept for a while.

import type { PrometheusClient } from '@prometheus-io/codemirror-promql/dist/esm/client/prometheus';
import { labelMatchersToString } from '@prometheus-io/codemirror-promql/dist/esm/parser/matcher';
import * as api from '../api.ts';

const KEPT_MS = 60_000;
/** Names and values that are offered at most: who writes on narrows them by hand. */
const MOST = 10_000;

const kept = new Map<string, { at: number; answer: Promise<unknown> }>();

/** Completion is of use without an answer: what fails offers nothing, and is asked again. */
function remembered<T>(key: string, ask: () => Promise<T>, nothing: T): Promise<T> {
  const known = kept.get(key);
  if (known && performance.now() - known.at < KEPT_MS) return known.answer as Promise<T>;
  const answer = ask().catch(() => {
    kept.delete(key);
    return nothing;
  });
  kept.set(key, { at: performance.now(), answer });
  return answer;
}

export const client: PrometheusClient = {
  metricNames: () => remembered('names', async () => (await api.labelValues('__name__')).slice(0, MOST), []),
  labelNames: (metric) => remembered(`labels ${metric ?? ''}`, () => api.labelNames(metric), []),
  labelValues: (label, metric, matchers) => {
    const match = metric || matchers?.length ? labelMatchersToString(metric ?? '', matchers, label) : undefined;
    return remembered(`values ${label} ${match ?? ''}`, async () => (await api.labelValues(label, match)).slice(0, MOST), []);
  },
  metricMetadata: () =>
    remembered('metadata', async () => Object.fromEntries(Object.entries(await api.metadata()).map(([name, all]) => [name, all.map(({ type, help = '' }) => ({ type, help }))])), {}),
  series: async () => [],
  flags: async () => ({}),
};
