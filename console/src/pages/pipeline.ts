// How samples travel through this server: gateway, queue, sink, store, backends, queries; what is late, and what fails.

import * as api from '../api.ts';
import { readExposition, type Sample } from '../parts/exposition.ts';
import { faultsOf, figuresOf, type Figure, type Reading, type Stage } from '../parts/figures.ts';
import { format } from '../parts/format.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const some = (value: number) => value > 0;
const none = (value: number) => value < 1;

const STAGES: Stage[] = [
  {
    title: 'Gateway',
    figures: [
      { title: 'Batches', metric: 'weir_gateway_batches_total', unit: '1/s', how: 'growth' },
      { title: 'Bytes', metric: 'weir_gateway_datagram_bytes_total', unit: 'bytes/s', how: 'growth' },
      { title: 'Acknowledged', metric: 'weir_gateway_acked_batches_total', unit: '1/s', how: 'growth' },
      { title: 'Acknowledged within, 99 %', metric: 'weir_gateway_ack_seconds', unit: 'seconds', where: { quantile: '0.99' } },
      { title: 'StatsD datagrams', metric: 'weir_gateway_statsd_datagrams_total', unit: '1/s', how: 'growth' },
      { title: 'By other protocols', metric: 'weir_protocol_samples_total', unit: '1/s', how: 'growth' },
      { title: 'Refused', metric: 'weir_gateway_refused_total', unit: '1/s', how: 'growth', bad: some },
      { title: 'Lost by the kernel', metric: 'weir_gateway_kernel_drops_total', unit: '1/s', how: 'growth', bad: some },
      { title: 'Busy', metric: 'weir_gateway_saturation_ratio', unit: 'ratio', bad: (value) => value > 0.8 },
      { title: 'Ready', metric: 'weir_gateway_ready', unit: 'number', bad: none },
    ],
  },
  {
    title: 'Queue',
    figures: [
      { title: 'Written', metric: 'weir_queue_bytes_total', unit: 'bytes/s', how: 'growth' },
      { title: 'Waiting for the sink', metric: 'weir_queue_backlog_bytes', unit: 'bytes' },
      { title: 'Behind', metric: 'weir_queue_behind_seconds', unit: 'seconds', how: 'highest', bad: (value) => value > 60 },
      { title: 'On disk', metric: 'weir_queue_disk_bytes', unit: 'bytes' },
      { title: 'Synced within, 99 %', metric: 'weir_queue_sync_seconds', unit: 'seconds', where: { quantile: '0.99' } },
      { title: 'Healthy', metric: 'weir_queue_healthy', unit: 'number', bad: none },
    ],
  },
  {
    title: 'Sink',
    figures: [
      { title: 'Samples', metric: 'weir_sink_samples_total', unit: '1/s', how: 'growth' },
      { title: 'Lag', metric: 'weir_sink_lag_seconds', unit: 'seconds', how: 'highest', bad: (value) => value > 60 },
      { title: 'Behind', metric: 'weir_sink_behind_seconds', unit: 'seconds', how: 'highest', bad: (value) => value > 60 },
      { title: 'Agents', metric: 'weir_sink_agents', unit: 'number' },
      { title: 'Senders left out', metric: 'weir_sink_left_out_senders', unit: 'number', bad: some },
      { title: 'Duplicates', metric: 'weir_sink_duplicates_total', unit: '1/s', how: 'growth' },
      { title: 'Dropped', metric: 'weir_sink_dropped_total', unit: '1/s', how: 'growth', bad: some },
    ],
  },
  {
    title: 'Store',
    figures: [
      { title: 'Samples', metric: 'weir_store_samples_total', unit: '1/s', how: 'growth' },
      { title: 'Series', metric: 'weir_store_series', unit: 'number' },
      { title: 'Blocks', metric: 'weir_store_block_bytes', unit: 'bytes' },
      { title: 'In cold storage', metric: 'weir_store_cold_bytes', unit: 'bytes' },
      { title: 'Refusing', metric: 'weir_store_refusing', unit: 'number', bad: some },
    ],
  },
  {
    title: 'Queries',
    figures: [
      { title: 'Answered', metric: 'weir_queries_answered_total', unit: '1/s', how: 'growth' },
      { title: 'Samples read', metric: 'weir_query_samples_total', unit: '1/s', how: 'growth' },
      { title: 'Refused', metric: 'weir_queries_refused_total', unit: '1/s', how: 'growth' },
      { title: 'Memory held', metric: 'weir_query_held_bytes', unit: 'bytes' },
      { title: 'Cache', metric: 'weir_query_cache_bytes', unit: 'bytes' },
      { title: 'Answers kept', metric: 'weir_query_cache_entries', unit: 'number' },
    ],
  },
];

const OF_BACKEND: Figure[] = [
  { title: 'Behind', metric: 'weir_backend_behind_seconds', unit: 'seconds', how: 'highest', bad: (value) => value > 60 },
  { title: 'Failing', metric: 'weir_backend_failing', unit: 'number', bad: some },
  { title: 'Passed until', metric: 'weir_backend_passed_timestamp_seconds', unit: 'time', how: 'highest' },
  { title: 'Samples refused', metric: 'weir_backend_refused_samples_total', unit: 'number', bad: some },
  { title: 'Skipped', metric: 'weir_backend_skipped_seconds_total', unit: 'seconds', bad: some },
];

let before: Reading | undefined;

export async function refreshPipeline(): Promise<void> {
  const [metrics, ready, fleet] = await Promise.allSettled([api.text('metrics'), api.text('readyz'), api.fleet()]);
  if (metrics.status === 'rejected') throw metrics.reason;
  const now = { at: performance.now() / 1000, samples: readExposition(metrics.value.text) };
  showReadiness(ready.status === 'fulfilled' ? ready.value : undefined);
  showWhole(fleet.status === 'fulfilled' ? fleet.value : undefined);
  const stages = [...STAGES.slice(0, 4), ...backends(now.samples), ...STAGES.slice(4)];
  const cards = stages.map((stage) => card(stage, now)).filter((made) => made !== undefined);
  element('stages').replaceChildren(...cards);
  showFaults(now);
  before = now;
}

/** One card for each backend that samples are sent on to. */
function backends(samples: Sample[]): Stage[] {
  const names = new Set(samples.filter(({ name }) => name.startsWith('weir_backend_')).map(({ labels }) => labels.backend ?? ''));
  return [...names].map((backend) => ({
    title: `Backend ${backend}`,
    figures: OF_BACKEND.map((figure) => (backend ? { ...figure, where: { backend } } : figure)),
  }));
}

function card(stage: Stage, now: Reading): HTMLElement | undefined {
  const figures = figuresOf(stage, now, before);
  if (figures.length === 0) return undefined;
  if (stage.title === 'Queries') figures.push({ title: 'Steps from the cache', text: format(kept(now.samples), 'ratio'), bad: false });
  const made = document.createElement('figure');
  const title = document.createElement('figcaption');
  title.textContent = stage.title;
  const list = document.createElement('dl');
  for (const { title, text, bad } of figures) {
    const [term, value] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = title;
    value.textContent = text;
    value.classList.toggle('bad', bad);
    list.append(term, value);
  }
  made.append(title, list);
  return made;
}

/** The share of steps that were not evaluated again. */
function kept(samples: Sample[]): number | undefined {
  const of = (name: string) => samples.find((sample) => sample.name === `weir_query_cache_${name}_steps_total`)?.value ?? 0;
  const all = of('kept') + of('evaluated');
  return all > 0 ? of('kept') / all : undefined;
}

function showReadiness(ready: { ok: boolean; text: string } | undefined): void {
  const line = element('readiness');
  line.textContent = ready ? ready.text.trim() || 'ready' : 'It is not said whether this server is ready.';
  line.classList.toggle('bad', !ready?.ok);
}

/** What arrived, of all that agents have sent. */
function showWhole(fleet: api.Fleet | undefined): void {
  if (!fleet) return;
  const { batches_acked: acked, batches_lost: lost } = fleet;
  const share = acked + lost > 0 ? acked / (acked + lost) : undefined;
  const line = element('whole');
  // What is not whole is never rounded to it.
  const text = share !== undefined && share < 1 ? `${(Math.floor(share * 1e6) / 1e4).toFixed(4)} %` : format(share, 'ratio');
  line.textContent = `Completeness ${text}: ${acked.toLocaleString('en')} batches acknowledged, ${lost.toLocaleString('en')} lost, ${fleet.batches_resent.toLocaleString('en')} sent again`;
  line.classList.toggle('bad', lost > 0);
}

function showFaults(now: Reading): void {
  const row = (kind: 'th' | 'td', texts: string[]) => {
    const made = document.createElement('tr');
    for (const text of texts) {
      const cell = document.createElement(kind);
      cell.textContent = text;
      made.append(cell);
    }
    return made;
  };
  const faults = faultsOf(now, before).map((fault) => {
    const made = row('td', [fault.name, format(fault.total, 'number'), format(fault.perSecond, '1/s')]);
    made.classList.toggle('bad', (fault.perSecond ?? 0) > 0);
    return made;
  });
  const table = element('faults');
  if (faults.length === 0) table.replaceChildren(row('td', ['Nothing has failed since this server began.']));
  else table.replaceChildren(row('th', ['What', 'Since the start', 'Now']), ...faults);
}
