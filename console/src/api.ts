// The public HTTP API: what any other client could ask too.

import type { Grid } from './parts/range.ts';

export type Labels = Record<string, string>;
/** A line may have a name that was chosen for it. */
export type Line = { labels: Labels; name?: string; points: [seconds: number, value: number][]; histograms?: [seconds: number, buckets: Bucket[]][] };
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

export const givenToken = () => token;

export function forgetToken(): void {
  token = '';
  globalThis.sessionStorage?.removeItem('token');
}

/** The token lacks a scope, which the server names. */
export class ScopeNeeded extends Error {}

/** What is asked for is not there: the server does not do it. */
export class NotServed extends Error {}

/** Somebody else has changed it meanwhile. */
export class Changed extends Error {}

/** Nobody answers: the server is away, or the way to it. */
export class Away extends Error {}

/** A body that is sent as it is written. */
class Plain {
  constructor(readonly text: string) {}
}

/** Sends a request, and throws what is no success with the server's own words. */
async function send(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<unknown> {
  const headers: Record<string, string> = { ...(token && { authorization: `Bearer ${token}` }), ...more };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(path, { method, headers, body: body === undefined ? null : body instanceof Plain ? body.text : JSON.stringify(body) }).catch((error: Error) => {
    throw new Away(error.message);
  });
  const answer: unknown = await response.json().catch(() => (response.ok ? {} : `the server answered ${response.status}`));
  // Alertmanager's API says why in a bare text.
  const why = typeof answer === 'string' ? answer : ((answer as { error?: string }).error ?? 'the server did not say why');
  if (response.status === 401) throw new TokenNeeded(why);
  if (response.status === 403) throw new ScopeNeeded(why);
  if (response.status === 404) throw new NotServed(why);
  if (response.status === 409) throw new Changed(why);
  if (!response.ok) throw new Error(why);
  return answer;
}

type Answer<T> = { status?: string; error?: string; data: T; warnings?: string[]; infos?: string[]; watermark?: number };

/** Asks the API; an answer that is not a success is thrown with the server's own words. */
async function ask<T>(path: string, parameters: Record<string, string> = {}, method = 'GET'): Promise<T> {
  return (await askWhole<T>(path, parameters, method)).data;
}

/** The same with what is said beside the data. */
async function askWhole<T>(path: string, parameters: Record<string, string>, method = 'GET'): Promise<Answer<T>> {
  const query = new URLSearchParams(parameters).toString();
  const answer = (await send(method, `${path}${query && '?' + query}`)) as Answer<T>;
  if (answer.status !== 'success') throw new Error(answer.error ?? 'the server did not say why');
  return answer;
}

/** A text such as /metrics: also what is no success says something. */
export async function text(path: string): Promise<{ ok: boolean; text: string }> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers }).catch((error: Error) => {
    throw new Away(error.message);
  });
  const said = await response.text();
  if (response.status === 401) throw new TokenNeeded(`${path} is shown to who has one`);
  if (response.status === 403) throw new ScopeNeeded(`${path} is not shown to it`);
  return { ok: response.ok, text: said };
}

export const fleet = () => ask<Fleet>('api/v1/status/fleet');
export type Agent = {
  host: string;
  agent: string;
  tenant: number;
  pool: string;
  version: string;
  state: 'silent' | 'live' | 'gone';
  last_ack: number;
  batches_acked: number;
  batches_resent: number;
  batches_lost: number;
  batches_spooled: number;
  completeness: number | null;
  samples_per_second: number | null;
  clock_seconds: number;
};
export type Agents = { states: Record<Agent['state'], number>; losing: number; matching: number; agents: Agent[] };
export type AgentsWanted = { search: string; state: string; sort: string; order: string | undefined; limit: number; offset: number };

/** A page of agents; what is empty is not asked for. */
export function agents(wanted: AgentsWanted): Promise<Agents> {
  const said = Object.entries(wanted).filter(([, value]) => value !== '' && value !== undefined);
  return ask<Agents>('api/v1/agents', Object.fromEntries(said.map(([name, value]) => [name, String(value)])));
}
export const labelValues = (label: string, match?: string) => ask<string[]>(`api/v1/label/${encodeURIComponent(label)}/values`, match ? { 'match[]': match } : {});
export const labelNames = (match?: string) => ask<string[]>('api/v1/labels', match ? { 'match[]': match } : {});
export const metadata = () => ask<Record<string, { type: string; unit?: string; help?: string }[]>>('api/v1/metadata');

/** A bucket's borders and how much is in it; a native histogram is some of them. */
export type Bucket = [low: number, high: number, count: number];
type RawHistogram = { count: string; sum: string; buckets?: [number, string, string, string][] };
type RawSeries = { metric: Labels; values?: [number, string][]; value?: [number, string]; histograms?: [number, RawHistogram][]; histogram?: [number, RawHistogram] };

/** Series that a question is answered with at most: past them, the question is the mistake. */
export const MOST_SERIES = 1_000;

/** What an answer took, and what is said beside it. */
export type Cost = { series: number; samples: number; seconds: number; tiers: string[]; kept: number; evaluated: number; warnings: string[]; watermark: number | undefined };
type RawStats = { timings: { evalTotalTime: number }; samples: { totalQueryableSamples: number }; series: number; tiers: string[]; steps: { kept: number; evaluated: number } };
type Result = { result: RawSeries[]; stats?: RawStats };

/** A PromQL expression on a grid of steps and, where a step is long, at its very end: what came since the last step is seen too. */
export async function range(promql: string, grid: Grid): Promise<Line[]> {
  return (await rangeWhole(promql, grid)).lines;
}

/** The same with what it took. */
export async function rangeWhole(promql: string, { start, end, step, to, tail }: Grid): Promise<{ lines: Line[]; cost: Cost }> {
  const more = { limit: String(MOST_SERIES), stats: 'all' };
  const steps = { query: promql, start: String(start), end: String(end), step: String(step), ...more };
  const [whole, newest] = await Promise.all([
    askWhole<Result>('api/v1/query_range', steps),
    tail ? ask<Result>('api/v1/query', { query: promql, time: String(to), ...more }) : undefined,
  ]);
  const lines = new Map<string, Line>();
  for (const { metric, values, value, histograms, histogram } of [...whole.data.result, ...vector(newest?.result)]) {
    const key = JSON.stringify(Object.entries(metric).sort());
    const line = lines.get(key) ?? { labels: metric, points: [] };
    for (const [ts, text] of values ?? (value ? [value] : [])) line.points.push([ts, Number(text)]);
    for (const [ts, one] of histograms ?? (histogram ? [histogram] : [])) (line.histograms ??= []).push([ts, bucketsOf(one)]);
    lines.set(key, line);
  }
  return { lines: [...lines.values()], cost: costOf(whole, newest) };
}

const bucketsOf = ({ buckets = [] }: RawHistogram): Bucket[] => buckets.map(([, low, high, count]) => [Number(low), Number(high), Number(count)]);

/** The cost of a range and of its newest point; a server that does not say it has none. */
function costOf(whole: Answer<Result>, newest: Result | undefined): Cost {
  const all = [whole.data.stats, newest?.stats].filter((one) => one !== undefined);
  const sum = (of: (stats: RawStats) => number) => all.reduce((total, one) => total + (of(one) || 0), 0);
  return {
    series: sum((one) => one.series),
    samples: sum((one) => one.samples?.totalQueryableSamples),
    seconds: sum((one) => one.timings?.evalTotalTime),
    tiers: [...new Set(all.flatMap((one) => one.tiers ?? []))],
    kept: whole.data.stats?.steps?.kept ?? 0,
    evaluated: whole.data.stats?.steps?.evaluated ?? 0,
    warnings: [...(whole.warnings ?? []), ...(whole.infos ?? [])],
    watermark: whole.watermark,
  };
}

/** A PromQL expression at one time. */
export async function instant(promql: string, at: number): Promise<Line[]> {
  const { result } = await ask<{ result: RawSeries[] }>('api/v1/query', { query: promql, time: String(at), limit: String(MOST_SERIES) });
  return vector(result).map(({ metric, value }) => ({ labels: metric, points: value ? [[value[0], Number(value[1])]] : [] }));
}

/** How many series each metric has now. */
export async function seriesCounts(): Promise<Map<string, number>> {
  const { result } = await ask<{ result: RawSeries[] }>('api/v1/query', { query: 'count by (__name__) ({__name__!=""})' });
  return new Map(result.map(({ metric, value }) => [metric.__name__ ?? '', Number(value?.[1])]));
}

/** What an instant is answered with; a bare number has no series. */
function vector(result: RawSeries[] | [number, string] | undefined): RawSeries[] {
  if (!result) return [];
  return typeof result[0] === 'number' ? [{ metric: {}, value: result as [number, string] }] : (result as RawSeries[]);
}

/** A digit for each agent in the order of hosts: over how many steps it is; a dash for one that said goodbye. */
export type AgentsMap = { steps: number[]; levels: string };
export const agentsMap = (by: string, search: string) => ask<AgentsMap>('api/v1/agents/map', { by, ...(search && { search }) });

export type Station = { station: string; state: 'passed' | 'held' | 'missing' | 'noted' | 'unknown'; sentence: string };
/** Where a metric is: what each station of its way says, and the verdict with the station that it is about. */
export type Whereabouts = { selector: string; metric: string; time: number; verdict: string; station: string; sentence: string; steps: Station[]; suggestions: string[] };
export const why = (selector: string, at?: number) => ask<Whereabouts>('api/v1/why', { 'match[]': selector, ...(at !== undefined && { time: String(at) }) });

export type MetricUse = { tenant: number; metric: string; series: number; folded: number; denied: number; labels: { label: string; values: number }[] };
export type Cardinality = { max_agent_series: number; max_tenant_series: number; tenants: { tenant: number; series: number }[]; metrics: MetricUse[] };
export const cardinality = (limit: number) => ask<Cardinality>('api/v1/cardinality', { limit: String(limit) });

export type Mistake = { file: string; line: number; column: number; text: string };
export type Listed = { name: string; title: string; tags: string[]; shipped: boolean; mistake: Mistake | null };
export type Saved = { name: string; shipped: boolean; text: string; etag: string; mistake: Mistake | null };
const DASHBOARDS = 'api/v1/dashboards';
const dashboardPath = (name: string) => `${DASHBOARDS}/${encodeURIComponent(name)}`;

export const dashboards = () => ask<Listed[]>(DASHBOARDS);
export const dashboard = (name: string) => ask<Saved>(dashboardPath(name));
export const dashboardVersions = (name: string) => ask<number[]>(`${dashboardPath(name)}/versions`);
export const dashboardVersion = async (name: string, version: number) => (await ask<{ text: string }>(`${dashboardPath(name)}/versions/${version}`)).text;

/** Saves a text over what was read, or a new one; a token that is given is shown for this alone. */
async function save<T>(path: string, text: string, etag: string, admin: string): Promise<T> {
  const more: Record<string, string> = { ...(etag && { 'if-match': etag }), ...(admin && { authorization: `Bearer ${admin}` }) };
  return ((await send('PUT', path, new Plain(text), more)) as { data: T }).data;
}

/** What saving lacks, if it is a token. */
export function tokenToSave(error: unknown): string | undefined {
  return error instanceof TokenNeeded || error instanceof ScopeNeeded ? `Saving takes a token with the scope admin: ${error.message}` : undefined;
}

export const saveDashboard = (name: string, json: string, etag: string, admin: string) => save<Saved>(dashboardPath(name), json, etag, admin);

export type RuleText = { file: string; text: string; etag: string; may_save: boolean; warnings: string[] };
const ruleTextPath = (file: string) => `api/v1/rules/file?${new URLSearchParams({ file })}`;

/** The text of a rule file in force. */
export const ruleText = (file: string) => ask<RuleText>(ruleTextPath(file));
export const saveRuleText = (file: string, text: string, etag: string, admin: string) => save<RuleText>(ruleTextPath(file), text, etag, admin);

export type Alert = { labels: Labels; annotations: Labels; state: 'pending' | 'firing'; late?: boolean; activeAt: string; value: string };
export type Rule = {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  state?: string;
  alerts?: Alert[];
  duration?: number;
  keepFiringFor?: number;
  labels?: Labels;
  annotations?: Labels;
  evaluationTime: number;
  lastError?: string;
};
export type RuleGroup = { name: string; file: string; interval: number; rules: Rule[]; lastEvaluation?: string };
export type Matcher = { name: string; value: string; isRegex: boolean; isEqual: boolean };
export type NewSilence = { matchers: Matcher[]; startsAt: string; endsAt: string; createdBy: string; comment: string };
export type Silence = NewSilence & { id: string; status: { state: 'active' | 'pending' | 'expired' } };
export type Preview = { text: string; warnings: string[]; refused: string | null };
export type Sent = {
  at_ms: number;
  key: string;
  receiver: string;
  group_labels: Labels;
  common_labels: Labels;
  firing: number;
  resolved: number;
  refused: string;
};
/** An alert as the notifier has it: whom it reaches, and what keeps it quiet. */
export type Told = { labels: Labels; startsAt: string; receivers: { name: string }[]; status: { state: string; silencedBy: string[]; inhibitedBy: string[] } };
/** A change of an alert that rules would have told of. */
export type Event = { status: 'firing' | 'resolved'; labels: Labels; annotations: Labels; value: number | null; at_ms: number; active_at_ms: number };
export type Replayed = { events: Event[]; failures: string[]; evaluations: number; reached: number };
export type DeadLetter = { id: number; sent: Sent };
/** One that is about no alert has no labels. */
export type Happening = { at_ms: number; what: string; labels?: Labels; source?: string };
export type History = { states?: Happening[]; notifications?: Sent[]; warnings?: string[] };

export const alerts = async () => (await ask<{ alerts: Alert[] }>('api/v1/alerts')).alerts;
export const ruleGroups = async () => (await ask<{ groups: RuleGroup[] }>('api/v1/rules')).groups;
export const silences = async () => (await send('GET', 'api/v2/silences')) as Silence[];
export const deadLetters = async () => (await ask<{ deadLetters: DeadLetter[] }>('api/v1/alerts/dead-letters')).deadLetters;
export const alertHistory = (start: number, end: number, limit = 1_000) =>
  ask<History>('api/v1/alerts/history', { start: String(start), end: String(end), limit: String(limit) });
/** The alerts that fire and match, as the notifier has them. */
export async function toldAlerts(matchers: string[]): Promise<Told[]> {
  const query = new URLSearchParams(matchers.map((matcher): [string, string] => ['filter', matcher])).toString();
  return (await send('GET', `api/v2/alerts${query && '?' + query}`)) as Told[];
}
/** An event or a service check that an application has sent. */
export type Happened = { id: string; kind: string; timestamp: number; title: string; text: string; status: string | null; alert_type: string; host: string; tags: string[] };
export const happened = async (start: number, end: number, host: string) =>
  (await ask<{ events: Happened[] }>('api/v1/events', { start: String(start), end: String(end), kind: 'event', limit: '100', ...(host && { host }) })).events;
/** What rules, given as a file, would have told of a stretch of the past. */
export async function replay(rules: string, start: number, end: number, interval: string): Promise<Replayed> {
  const query = new URLSearchParams({ start: String(start), end: String(end), interval });
  return ((await send('POST', `api/v1/rules/replay?${query}`, new Plain(rules))) as { data: Replayed }).data;
}
export const preview = async (wanted: NewSilence) => (await send('POST', 'api/v2/silences?preview=true', wanted)) as Preview;
export async function silence(wanted: NewSilence, force: boolean): Promise<void> {
  await send('POST', `api/v2/silences${force ? '?force=true' : ''}`, wanted);
}
export async function expire(id: string): Promise<void> {
  await send('DELETE', `api/v2/silence/${encodeURIComponent(id)}`);
}
export async function sendAgain(id: number): Promise<void> {
  await ask(`api/v1/alerts/dead-letters/${id}/send`, {}, 'POST');
}
