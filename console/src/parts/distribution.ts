// Distributions over time: buckets of one step each, where they lie on an axis, and percentiles of them.

import type { Bucket, Labels, Line } from '../api.ts';

/** Buckets at one time, from the lowest on; those of several lines are added up. */
export type Step = { at: number; buckets: Bucket[] };
export type Cell = { at: number; low: number; high: number; share: number };

/** Rows of a heatmap: buckets that are narrower are added up. */
const MOST_ROWS = 48;
/** Where a distribution is wider than this, its axis is logarithmic. */
const WIDE = 30;

/** The distributions of lines: native histograms, or lines of buckets that are told apart by `le`. */
export function stepsOf(lines: Line[], byBounds: boolean): Step[] {
  const steps = new Map<number, Map<string, Bucket>>();
  const add = (at: number, [low, high, count]: Bucket) => {
    if (!(count > 0)) return;
    const buckets = steps.get(at) ?? new Map<string, Bucket>();
    steps.set(at, buckets);
    const known = buckets.get(`${low} ${high}`);
    if (known) known[2] += count;
    else buckets.set(`${low} ${high}`, [low, high, count]);
  };
  for (const line of lines) for (const [at, buckets] of line.histograms ?? []) for (const bucket of buckets) add(at, bucket);
  if (byBounds) for (const [at, buckets] of cumulative(lines)) for (const bucket of buckets) add(at, bucket);
  return [...steps].sort(([a], [b]) => a - b).map(([at, buckets]) => ({ at, buckets: [...buckets.values()].sort((a, b) => a[0] - b[0]) }));
}

/** Buckets of lines that count everything up to a bound each. */
function* cumulative(lines: Line[]): Generator<[number, Bucket[]]> {
  const groups = new Map<string, { bound: number; points: Map<number, number> }[]>();
  for (const { labels, points } of lines) {
    if (labels.le === undefined) continue;
    const key = keyWithout(labels, 'le');
    groups.set(key, [...(groups.get(key) ?? []), { bound: Number(labels.le.replace('+Inf', 'Infinity')), points: new Map(points) }]);
  }
  for (const group of groups.values()) {
    group.sort((a, b) => a.bound - b.bound);
    for (const at of new Set(group.flatMap(({ points }) => [...points.keys()]))) {
      let [below, total] = [-Infinity, 0];
      const buckets: Bucket[] = [];
      for (const { bound, points } of group) {
        const count = points.get(at);
        if (count === undefined || Number.isNaN(count)) continue;
        buckets.push([below, bound, Math.max(0, count - total)]);
        [below, total] = [bound, count];
      }
      yield [at, buckets];
    }
  }
}

const keyWithout = (labels: Labels, name: string) => JSON.stringify(Object.entries(labels).filter(([label]) => label !== name).sort());

/** A value under which a share of a distribution lies: within a bucket it is spread evenly, or by powers where it is wide. */
export function quantile(buckets: Bucket[], share: number): number | null {
  const total = buckets.reduce((sum, [, , count]) => sum + count, 0);
  if (!(total > 0)) return null;
  let left = share * total;
  for (const [low, high, count] of buckets) {
    if (left > count) {
      left -= count;
      continue;
    }
    if (!Number.isFinite(low)) return finite(Math.min(high, high > 0 ? high : Infinity));
    if (!Number.isFinite(high)) return low;
    const part = count > 0 ? left / count : 0;
    return low > 0 && high > 0 ? low * (high / low) ** part : low + (high - low) * part;
  }
  return finite(buckets.at(-1)?.[1] ?? null);
}

const finite = (value: number | null) => (value !== null && Number.isFinite(value) ? value : null);

export type Extent = { low: number; high: number; isLog: boolean };

/** From the lowest border to the highest; what has no border there ends at the next one. */
export function extentOf(steps: Step[]): Extent | undefined {
  const borders = steps.flatMap(({ buckets }) => buckets.flatMap(([low, high]) => [low, high])).filter(Number.isFinite);
  if (borders.length === 0) return undefined;
  // Some thousand borders are more than a function takes as arguments.
  const low = borders.reduce((a, b) => Math.min(a, b));
  const high = borders.reduce((a, b) => Math.max(a, b));
  // The bucket around zero is narrow without end: the axis begins where the next one does.
  const positive = borders.filter((one) => one > 1e-30);
  const least = positive.reduce((a, b) => Math.min(a, b), Infinity);
  const isLog = low > -1e-30 && Number.isFinite(least) && high / least > WIDE;
  const bottom = Math.min(0, low);
  return isLog ? { low: least, high, isLog } : { low: bottom, high: high > bottom ? high : bottom + 1, isLog };
}

/** The cells of a heatmap: rows of one height on the axis, with the share that each has of its own step's most. */
export function cellsOf(steps: Step[], { low, high, isLog }: Extent): Cell[] {
  const place = (value: number) => {
    const bound = Math.min(Math.max(value, low), high);
    return isLog ? Math.log(bound / low) / Math.log(high / low) : (bound - low) / (high - low);
  };
  const valueAt = (share: number) => (isLog ? low * (high / low) ** share : low + (high - low) * share);
  const densest = { value: 0 };
  const rows = steps.map(({ at, buckets }) => {
    const counts = new Array<number>(MOST_ROWS).fill(0);
    for (const [from, to, count] of buckets) {
      const [first, last] = [place(from) * MOST_ROWS, Math.max(place(to) * MOST_ROWS, place(from) * MOST_ROWS + 1e-9)];
      for (let row = Math.floor(first); row < Math.min(last, MOST_ROWS); row += 1) {
        counts[row]! += (count * (Math.min(last, row + 1) - Math.max(first, row))) / (last - first);
      }
    }
    densest.value = counts.reduce((most, count) => Math.max(most, count), densest.value);
    return { at, counts };
  });
  return rows.flatMap(({ at, counts }) =>
    counts.flatMap((count, row) => (count > 0 ? [{ at, low: valueAt(row / MOST_ROWS), high: valueAt((row + 1) / MOST_ROWS), share: count / densest.value }] : [])),
  );
}
