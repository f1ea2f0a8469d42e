// Grafana's classic JSON, read into what the console draws; what it does not draw is named.

import type { Unit } from '../parts/format.ts';
import { readVariables } from './given.ts';
import { unitOfGrafana } from './units.ts';
import type { Variable } from './variables.ts';

/** What a file says may be anything. */
export type Loose = any;

export type Kind = 'timeseries' | 'stat' | 'gauge' | 'bargauge' | 'table' | 'text' | 'heatmap' | 'alertlist';
export type Target = { expr: string; legend: string; instant: boolean; refId: string };
export type Threshold = { from: number; color: string };
export type Override = { matches: (name: string) => boolean; negative: boolean; name: string | undefined };
export type Panel = {
  title: string;
  description: string;
  /** None for one that cannot be shown, of which `why` says why. */
  kind: Kind | undefined;
  why: string;
  targets: Target[];
  unit: Unit;
  place: { x: number; y: number; w: number; h: number };
  stacked: boolean;
  calc: string;
  thresholds: Threshold[];
  decimals: number | undefined;
  min: number | undefined;
  max: number | undefined;
  mappings: Map<string, string>;
  overrides: Override[];
  text: string;
  /** The variable for each of whose values there is one of it. */
  repeat: string;
  across: boolean;
  columns: { without: Set<string>; names: Record<string, string>; order: Record<string, number> };
};
export type Row = { title: string; open: boolean; repeat: string; panels: Panel[] };
/** What is left out, and of which panels. */
export type LeftOut = Map<string, string[]>;
export type Annotation = { name: string; expr: string; title: string };
export type Board = { title: string; variables: Variable[]; annotations: Annotation[]; rows: Row[]; leftOut: LeftOut };

export const list = (value: Loose): Loose[] => (Array.isArray(value) ? value : []);
export const text = (value: Loose): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '');
const number = (value: Loose): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

/** Older files have numbers as texts; an empty one is none. */
const endOf = (value: Loose): number | undefined => (text(value).trim() === '' || Number.isNaN(Number(value)) ? undefined : Number(value));

const KINDS: Record<string, Kind> = {
  timeseries: 'timeseries', graph: 'timeseries', stat: 'stat', singlestat: 'stat', gauge: 'gauge', bargauge: 'bargauge',
  table: 'table', 'table-old': 'table', text: 'text', heatmap: 'heatmap', alertlist: 'alertlist',
};

/** Reads a dashboard's text; one that is no JSON object is an error. */
export function readBoard(json: string): Board {
  let board: Loose = JSON.parse(json);
  // What is exported by the API has it in an envelope.
  if (board?.dashboard?.panels) board = board.dashboard;
  if (typeof board !== 'object' || board === null || Array.isArray(board)) throw new Error('This is no dashboard: it is no JSON object.');
  if (board.spec?.elements) throw new Error('This dashboard has the schema v2 of Grafana: export it as classic JSON.');
  const leftOut: LeftOut = new Map();
  const leave = (what: string, whose: string) => leftOut.set(what, [...new Set([...(leftOut.get(what) ?? []), whose])]);
  const variables = readVariables(list(board.templating?.list), leave);
  const annotations = readAnnotations(list(board.annotations?.list), leave);
  if (own(board.time)) leave('the range that it was saved with (the page has one)', 'the dashboard');
  if (list(board.links).length > 0) leave('links', 'the dashboard');
  const rows = list(board.rows).length > 0 ? oldRows(list(board.rows), leave) : readRows(list(board.panels), leave);
  return { title: text(board.title) || 'Dashboard', variables, annotations, rows, leftOut };
}

/** Ranges that most files have because Grafana wrote them are nothing that somebody chose. */
const own = (time: Loose): boolean => text(time?.from) !== '' && !['now-1h', 'now-6h', 'now-15m', 'now-24h'].includes(text(time?.from));

/** Annotations that ask for series: each step at which one has a value is a mark. */
function readAnnotations(given: Loose[], leave: Leave): Annotation[] {
  return given.flatMap((one): Annotation[] => {
    if (one?.enable === false || one?.hide === true || one?.builtIn === 1) return [];
    const [name, expr] = [text(one?.name) || 'annotation', text(one?.expr) || text(one?.target?.expr)];
    if (!expr) {
      leave('annotations that ask for no series', name);
      return [];
    }
    return [{ name, expr, title: text(one.titleFormat) || text(one.textFormat) }];
  });
}

export type Leave = (what: string, whose: string) => void;

function readRows(panels: Loose[], leave: Leave): Row[] {
  const rows: Row[] = [];
  const sorted = panels.filter((panel) => panel && typeof panel === 'object').sort((a, b) => (a.gridPos?.y ?? 0) - (b.gridPos?.y ?? 0) || (a.gridPos?.x ?? 0) - (b.gridPos?.x ?? 0));
  for (const panel of sorted) {
    if (panel.type === 'row') {
      rows.push({ title: text(panel.title), open: panel.collapsed !== true, repeat: text(panel.repeat), panels: list(panel.panels).map((one) => readPanel(one, leave)) });
      continue;
    }
    if (rows.length === 0) rows.push({ title: '', open: true, repeat: '', panels: [] });
    rows.at(-1)?.panels.push(readPanel(panel, leave));
  }
  return rows;
}

/** Rows as Grafana had them before version 5: with spans of twelve instead of places. */
function oldRows(rows: Loose[], leave: Leave): Row[] {
  return rows.map((row) => {
    let x = 0;
    let y = 0;
    const panels = list(row.panels).map((panel) => {
      const w = Math.min(24, (number(panel.span) ?? 6) * 2);
      if (x + w > 24) [x, y] = [0, y + 8];
      const gridPos = { x, y, w, h: 8 };
      x += w;
      return readPanel({ ...panel, gridPos }, leave);
    });
    return { title: row.showTitle === false ? '' : text(row.title), open: row.collapse !== true, repeat: text(row.repeat), panels };
  });
}

const CALCS = new Set(['lastNotNull', 'last', 'mean', 'max', 'min', 'sum', 'first', 'firstNotNull', 'range', 'count']);
const OLD_CALCS: Record<string, string> = { avg: 'mean', current: 'lastNotNull', total: 'sum', delta: 'range' };

function readPanel(panel: Loose, leave: Leave): Panel {
  const title = text(panel.title) || 'Untitled';
  const kind = KINDS[text(panel.type)];
  const left = (what: string) => leave(what, title);
  const defaults = panel.fieldConfig?.defaults ?? {};
  const targets = readTargets(panel, kind, left);
  const told = list(panel.options?.reduceOptions?.calcs)[0] ?? OLD_CALCS[text(panel.valueName)] ?? (panel.valueName || 'lastNotNull');
  if (!CALCS.has(told)) left(`calculation “${told}” (the last value is shown)`);
  const asked = kind !== undefined && kind !== 'text' && kind !== 'alertlist';
  const why = kind === undefined ? `panels of the type “${text(panel.type) || 'none'}” are not shown` : asked && targets.length === 0 ? 'it has no question to Prometheus' : '';
  if (kind === undefined) left(`panels of the type “${text(panel.type) || 'none'}”`);
  leaveDetails(panel, kind, left);
  if (kind === 'text' && panel.options?.mode === 'html') left('HTML of texts (shown as text)');
  const place = panel.gridPos ?? {};
  const w = Math.max(1, Math.min(24, number(place.w) ?? 12));
  return {
    title: kind === 'text' ? text(panel.title) : title,
    description: text(panel.description),
    kind: why ? undefined : kind,
    why,
    targets,
    unit: readUnit(text(defaults.unit) || text(panel.yaxes?.[0]?.format) || text(panel.format), left),
    place: { x: Math.max(0, Math.min(24 - w, number(place.x) ?? 0)), y: number(place.y) ?? 0, w, h: Math.max(1, Math.min(40, number(place.h) ?? 8)) },
    stacked: panel.stack === true || ['normal', 'percent'].includes(defaults.custom?.stacking?.mode),
    calc: CALCS.has(told) ? told : 'lastNotNull',
    thresholds: readThresholds(defaults.thresholds, left),
    decimals: number(defaults.decimals) ?? number(panel.decimals),
    min: number(defaults.min) ?? endOf(panel.yaxes?.[0]?.min),
    max: number(defaults.max) ?? endOf(panel.yaxes?.[0]?.max),
    mappings: readMappings(list(defaults.mappings), left),
    overrides: readOverrides(panel, left),
    text: text(panel.options?.content ?? panel.content),
    repeat: text(panel.repeat),
    across: panel.repeatDirection !== 'v',
    columns: readColumns(panel, left),
  };
}

const CHARTS = new Set<Kind | undefined>(['timeseries', 'heatmap']);

/** What of a panel is drawn otherwise than its file says. */
function leaveDetails(panel: Loose, kind: Kind | undefined, left: (what: string) => void): void {
  const defaults = panel.fieldConfig?.defaults ?? {};
  if (CHARTS.has(kind) && (number(defaults.decimals) ?? number(panel.decimals)) !== undefined) left('decimals of charts (three digits that count are shown)');
  if (kind === 'stat' && (panel.options?.graphMode === 'area' || panel.sparkline?.show === true)) left('graphs behind numbers (graphMode)');
  if (defaults.custom?.stacking?.mode === 'percent') left('stacking to 100 per cent (stacked as they are)');
  if (kind === 'heatmap' && (number(defaults.min) ?? number(defaults.max)) !== undefined) left('ends of axes of heatmaps');
  if (panel.libraryPanel) left('library panels (their file has no panel in it)');
  if (panel.timeFrom || panel.timeShift) left('ranges of their own (the page’s is shown)');
}

function readUnit(name: string, left: (what: string) => void): Unit {
  const unit = unitOfGrafana(name);
  if (!unit) left(`unit “${name}” (plain numbers)`);
  return unit ?? 'number';
}

function readTargets(panel: Loose, kind: Kind | undefined, left: (what: string) => void): Target[] {
  return list(panel.targets).flatMap((target) => {
    if (target?.hide === true) return [];
    const source = target?.datasource?.type ?? panel.datasource?.type ?? 'prometheus';
    const expr = text(target?.expr).trim();
    if (source !== 'prometheus' && !String(source).startsWith('$') && !/prometheus|victoriametrics|mixed|datasource/.test(String(source))) {
      left(`questions to ${source}`);
      return [];
    }
    if (!expr) return [];
    const legend = text(target.legendFormat);
    const instant = target.instant === true && kind !== 'timeseries' && kind !== 'heatmap';
    return [{ expr, legend: legend === '__auto' ? '' : legend, instant: instant || (kind === 'table' && target.range !== true), refId: text(target.refId) || 'A' }];
  });
}

function readThresholds(thresholds: Loose, left: (what: string) => void): Threshold[] {
  if (thresholds?.mode === 'percentage') {
    left('thresholds in per cent');
    return [];
  }
  return list(thresholds?.steps).map((step) => ({ from: number(step?.value) ?? -Infinity, color: text(step?.color) }));
}

function readMappings(mappings: Loose[], left: (what: string) => void): Map<string, string> {
  const made = new Map<string, string>();
  for (const mapping of mappings) {
    if (mapping?.type === 'value') for (const [value, how] of Object.entries<Loose>(mapping.options ?? {})) made.set(value, text(how?.text) || value);
    else if (mapping?.type === 'special' && /null|nan/.test(text(mapping.options?.match))) made.set('NaN', text(mapping.options?.result?.text) || '–');
    else if (mapping?.op === '=') made.set(text(mapping.value), text(mapping.text));
    else left('mappings of ranges and patterns');
  }
  return made;
}

/** Turned down and renamed lines are drawn so; colours and the rest are not. */
function readOverrides(panel: Loose, left: (what: string) => void): Override[] {
  const old = list(panel.seriesOverrides).map((one) => ({ matcher: { id: 'byName', options: one?.alias }, properties: one?.transform ? [{ id: 'custom.transform', value: one.transform }] : [{ id: 'color' }] }));
  return [...list(panel.fieldConfig?.overrides), ...old].flatMap((override) => {
    const options = text(override?.matcher?.options);
    const properties = list(override?.properties);
    const named = (id: string) => properties.find((property) => property?.id === id)?.value;
    const rest = properties.map((property) => text(property?.id)).filter((id) => !['custom.transform', 'displayName'].includes(id));
    if (rest.length > 0) left('overrides of colours, axes and units');
    const pattern = /^\/(.*)\/[a-z]*$/s.exec(options)?.[1];
    const matches = pattern !== undefined || override?.matcher?.id === 'byRegexp' ? matcherOf(pattern ?? options) : (name: string) => name === options;
    if (rest.length === properties.length) return [];
    return [{ matches, negative: /negative/i.test(text(named('custom.transform'))), name: text(named('displayName')) || undefined }];
  });
}

function matcherOf(pattern: string): (name: string) => boolean {
  try {
    const regex = new RegExp(pattern);
    return (name) => regex.test(name);
  } catch {
    return () => false;
  }
}

function readColumns(panel: Loose, left: (what: string) => void): Panel['columns'] {
  const columns: Panel['columns'] = { without: new Set(), names: {}, order: {} };
  for (const { id, options } of list(panel.transformations)) {
    if (id === 'organize') {
      for (const [name, is] of Object.entries(options?.excludeByName ?? {})) if (is === true) columns.without.add(name);
      Object.assign(columns.names, options?.renameByName);
      Object.assign(columns.order, options?.indexByName);
    } else if (id !== 'merge') left(`transformation “${id}”`);
  }
  return columns;
}
