// Stretches of time for which alerts fired, made of their changes.

import type { Alert, Event, Happening, Labels } from '../api.ts';

/** Seconds; one that fires still has no end. */
export type Fired = { labels: Labels; from: number; to: number | undefined };

type Change = { at: number; on: boolean; labels: Labels };

const keyOf = (labels: Labels) => JSON.stringify(Object.entries(labels).sort());

/** The stretches that begin or end in a span; what ends without having begun fired from the span's beginning on. */
function spansOf(changes: Change[], begin: number): Fired[] {
  const open = new Map<string, Fired>();
  const seen = new Set<string>();
  const spans: Fired[] = [];
  for (const { at, on, labels } of [...changes].sort((a, b) => a.at - b.at)) {
    const key = keyOf(labels);
    const before = open.get(key);
    if (on && !before) {
      const made = { labels, from: at, to: undefined };
      open.set(key, made);
      spans.push(made);
    } else if (!on && before) {
      before.to = at;
      open.delete(key);
    } else if (!on && !seen.has(key)) spans.push({ labels, from: begin, to: at });
    seen.add(key);
  }
  return spans;
}

/** Of what rules would have told. */
export const ofEvents = (events: Event[], begin: number): Fired[] =>
  spansOf(events.map(({ at_ms, status, labels }) => ({ at: at_ms / 1000, on: status === 'firing', labels })), begin);

/** Of the history of states; a late alert fires on, and one that waits is in none. */
export function ofHistory(states: Happening[], begin: number): Fired[] {
  const changes = states.flatMap(({ at_ms, what, labels }) =>
    labels?.alertname && (what === 'firing' || ENDS.has(what)) ? [{ at: at_ms / 1000, on: what === 'firing', labels }] : [],
  );
  return spansOf(changes, begin);
}

/** Those that fire now and began before the span are in no change of it. */
export function withThoseNow(fired: Fired[], alerts: Alert[], from: number): Fired[] {
  const known = new Set(fired.filter(({ to }) => to === undefined).map(({ labels }) => keyOf(labels)));
  const others = alerts.filter(({ state, labels, activeAt }) => state === 'firing' && !known.has(keyOf(labels)) && Date.parse(activeAt) / 1000 < from);
  return [...others.map(({ labels }) => ({ labels, from, to: undefined })), ...fired];
}

const ENDS = new Set(['resolved', 'no_data', 'rule_gone']);

export type Sum = { times: number; alerts: number; seconds: number; longest: number; still: number };

/** How often and how long it fired, up to `end`. */
export function summed(spans: Fired[], end: number): Sum {
  const lengths = spans.map(({ from, to }) => (to ?? end) - from);
  return {
    times: spans.length,
    alerts: new Set(spans.map(({ labels }) => keyOf(labels))).size,
    seconds: lengths.reduce((sum, one) => sum + one, 0),
    longest: Math.max(0, ...lengths),
    still: spans.filter(({ to }) => to === undefined).length,
  };
}
