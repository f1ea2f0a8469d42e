// Which charts there are: a title, a unit and a question in PromQL.

import type { Agent } from '../api.ts';
import type { ChartSpec } from '../parts/chart.ts';
import { ago, format, shareText } from '../parts/format.ts';

export function hostCharts(host: string): ChartSpec[] {
  const on = (more = '') => `{host=${JSON.stringify(host)}${more && ',' + more}}`;
  return [
    {
      id: 'cpu',
      title: 'CPU',
      unit: 'ratio',
      stacked: true,
      promql: `system_cpu_utilization_ratio${on('cpu_logical_number="",cpu_mode!="idle"')}`,
    },
    {
      id: 'memory',
      title: 'Memory',
      unit: 'bytes',
      stacked: true,
      order: ['used', 'cached', 'free'],
      promql: [
        ['used', 'used'],
        ['cached', 'cached|buffers|slab_reclaimable'],
        ['free', 'free'],
      ]
        .map(([name, states]) => `label_replace(sum(system_memory_usage_bytes${on(`system_memory_state=~"${states}"`)}), "memory", "${name}", "", "")`)
        .join(' or '),
    },
    {
      id: 'disk',
      title: 'Disk throughput',
      unit: 'bytes/s',
      promql: `sum by (disk_io_direction) (rate(system_disk_io_bytes_total${on()}[$window]))`,
    },
    {
      id: 'network',
      title: 'Network throughput',
      unit: 'bytes/s',
      promql: `sum by (network_io_direction) (rate(system_network_io_bytes_total${on('network_interface_name!="lo"')}[$window]))`,
    },
    {
      id: 'load',
      title: 'Load average',
      unit: 'number',
      promql: ['1m', '5m', '15m']
        .map((span) => `label_replace(system_cpu_load_average_${span}${on()}, "over", "${span}", "", "")`)
        .map((load) => `sum by (over) (${load})`)
        .join(' or '),
    },
    {
      id: 'filesystem',
      title: 'Filesystems in use',
      unit: 'ratio',
      promql: `max by (system_filesystem_mountpoint) (system_filesystem_utilization_ratio${on()})`,
    },
  ];
}

/** What has become of an agent, as one person would tell another. */
export function agentWords(agent: Agent): string {
  const batches = (count: number, one: string, many: string) => (count === 0 ? '' : count === 1 ? one : many.replace('#', count.toLocaleString('en')));
  const state = { live: 'is live', silent: 'is silent', gone: 'said goodbye' }[agent.state];
  const acked = agent.last_ack > 0 ? `: its last batch was acknowledged ${ago(agent.last_ack)}` : ': no batch of it was acknowledged';
  const facts = [
    batches(agent.batches_lost, 'One batch is lost.', '# batches are lost.') || 'No batch is lost.',
    batches(agent.batches_spooled, 'One batch waits in its spool.', '# batches wait in its spool.'),
    agent.completeness === null ? '' : `What arrived is ${shareText(agent.completeness)} of what it made.`,
    agent.samples_per_second === null ? '' : `It sends ${format(agent.samples_per_second, 'number')} samples/s.`,
    agent.clock_seconds === 0 ? '' : `Its clock is off by ${format(agent.clock_seconds, 'seconds')}.`,
  ];
  const whose = `Agent ${agent.agent.slice(0, 8)}${agent.version && `, version ${agent.version}`}${agent.pool && `, pool ${agent.pool}`},`;
  return `${whose} ${state}${acked}. ${facts.filter(Boolean).join(' ')}`;
}

const SUFFIXES = /_(count|sum)$/;

/** The first question about a metric, by its type. */
export function questionOf(name: string, type: string): string {
  const plain = /^[a-zA-Z_:][\w:]*$/.test(name) ? name : `{${JSON.stringify(name)}}`;
  if (type === 'counter' || (!type && name.endsWith('_total'))) return `rate(${plain}[$window])`;
  if (type !== 'histogram') return plain;
  const quantile = (share: number) =>
    `label_replace(histogram_quantile(${share}, sum(rate(${plain}[$window]))), "quantile", "p${share * 100}", "", "")`;
  return [0.5, 0.9, 0.99].map(quantile).join(' or ');
}

/** Names that applications have sent: neither the host's nor Weir's own, nor the totals beside a distribution. */
export function applicationMetrics(names: string[]): string[] {
  const known = new Set(names);
  const partOfDistribution = (name: string) =>
    SUFFIXES.test(name) && known.has(name.replace(SUFFIXES, ''));
  return names.filter((name) => !/^(system_|weir_|process_)/.test(name) && !partOfDistribution(name));
}
