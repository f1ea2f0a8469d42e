// The public HTTP API: what any other client could ask too.

export type Labels = Record<string, string>;
export type Line = { labels: Labels; points: [seconds: number, value: number][] };
export type Fleet = {
  agents: number;
  samples_per_second: number;
  batches_received: number;
  batches_acked: number;
  batches_resent: number;
  batches_duplicate: number;
  batches_lost: number;
};

/** The server asks for a token, or for a better one. */
export class TokenNeeded extends Error {}

/** Kept for as long as the tab is open. */
let token = globalThis.sessionStorage?.getItem('token') ?? '';

/** Shows this token with every question from now on. */
export function useToken(given: string): void {
  token = given.trim();
  globalThis.sessionStorage?.setItem('token', token);
}

/** Asks the API; an answer that is not a success is thrown with the server's own words. */
async function ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
  const query = new URLSearchParams(parameters).toString();
  const headers: HeadersInit = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(`${path}${query && '?' + query}`, { headers });
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (response.status === 401) throw new TokenNeeded(answer.error);
  if (answer.status !== 'success') throw new Error(answer.error ?? 'the server did not say why');
  return answer.data as T;
}

export const fleet = () => ask<Fleet>('api/v1/status/fleet');
export const labelValues = (label: string) => ask<string[]>(`api/v1/label/${label}/values`);
export const metadata = () => ask<Record<string, { type: string }[]>>('api/v1/metadata');

type RawSeries = { metric: Labels; values?: [number, string][] };

/** A range of a PromQL expression ending now, at about one point per three pixels of an ordinary chart. */
export async function range(promql: string, seconds: number, end: number): Promise<Line[]> {
  const step = Math.max(stepFor(seconds), 1);
  const until = Math.floor(end / step) * step;
  const parameters = { query: promql, start: String(until - seconds), end: String(until), step: String(step) };
  const data = await ask<{ result: RawSeries[] }>('api/v1/query_range', parameters);
  return data.result.map(({ metric, values }) => ({
    labels: metric,
    points: (values ?? []).map(([ts, value]) => [ts, Number(value)]),
  }));
}

export function stepFor(seconds: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600];
  return steps.find((step) => seconds / step <= 240) ?? 43200;
}
