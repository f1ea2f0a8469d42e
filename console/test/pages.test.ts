import { describe, expect, it } from 'vitest';
import type { Agent, MetricUse } from '../src/api.ts';
import { labelsOf, ruleFor } from '../src/pages/cardinality.ts';
import { cellAt, legendOf } from '../src/pages/fleetmap.ts';
import { agentWords, hostCharts } from '../src/pages/hosts.ts';
import { readAddress, writeAddress } from '../src/parts/address.ts';
import { ordered } from '../src/parts/chart.ts';

describe('cardinality', () => {
  const use = (more: Partial<MetricUse>): MetricUse => ({ tenant: 0, metric: 'wild', series: 200, folded: 0, denied: 0, labels: [{ label: 'host', values: 200 }, { label: 'user', values: 100 }], ...more });
  it('is tamed by the label with most values that is not the host', () => {
    const { text, words } = ruleFor(use({}));
    expect(text).toBe('[[admission.rules]]\nmetric = "wild"\ndrop_labels = ["user"]\n');
    expect(words).toContain('at least 2 of 200 stay');
  });
  it('is kept to its tenant', () => expect(ruleFor(use({ tenant: 7 })).text).toContain('\ntenant = 7\n'));
  it('of hosts alone is not taken for a label', () => expect(ruleFor(use({ labels: [{ label: 'host', values: 9 }, { label: 'x', values: 1 }] })).text).toContain('rollup'));
  it('is told by label', () =>
    expect(labelsOf([use({}), use({ metric: 'b', series: 5, labels: [{ label: 'user', values: 300 }] })])).toEqual([
      { label: 'user', values: 300, metrics: 2, series: 205 },
      { label: 'host', values: 200, metrics: 1, series: 200 },
    ]));
});

describe('the map', () => {
  it('says what its colours mean, and of how many', () =>
    expect(legendOf({ steps: [20, 60], levels: '00-120' }, 'seconds')).toEqual([
      { level: '-', text: 'gone', count: 1 },
      { level: '0', text: 'up to 20 s', count: 3 },
      { level: '1', text: 'over 20 s', count: 1 },
      { level: '2', text: 'over 1 min', count: 1 },
    ]));
  it('finds the agent of a cell', () => expect([cellAt(0, 0, 10, 25), cellAt(13, 9, 10, 25), cellAt(89, 18, 10, 25), cellAt(90, 0, 10, 25)]).toEqual([0, 11, undefined, undefined]));
  it('has its colours in the address', () => {
    const address = { ...readAddress('#fleet'), by: 'lost' };
    expect(readAddress(writeAddress(address))).toEqual(address);
  });
});

describe('a host', () => {
  const agent: Agent = {
    host: 'a', agent: '8ad9f062-6c4b', tenant: 0, pool: '', version: '0.1.0', state: 'live', last_ack: Date.now() / 1000 - 3, batches_acked: 9, batches_resent: 0,
    batches_lost: 0, batches_spooled: 1, completeness: 1, samples_per_second: 20, clock_seconds: 0,
  };
  it('has its agent in words', () => {
    expect(agentWords(agent)).toBe('Agent 8ad9f062, version 0.1.0, is live: its last batch was acknowledged 3 s ago. No batch is lost. One batch waits in its spool. What arrived is 100 % of what it made. It sends 20 samples/s.');
    expect(agentWords({ ...agent, state: 'silent', batches_lost: 1_200, last_ack: 0, clock_seconds: 90 })).toMatch(/is silent: no batch of it was acknowledged\. 1,200 batches are lost\..*off by 1\.5 min/);
  });
  it('stacks memory used, cached, free', () => {
    const { order } = hostCharts('a').find(({ id }) => id === 'memory')!;
    const lines = ['free', 'cached', 'used'].map((memory) => ({ labels: { memory }, points: [] }));
    expect(ordered(lines, order).map(({ labels }) => labels.memory)).toEqual(['used', 'cached', 'free']);
  });
  it('of an old link is found', () => expect(readAddress('#overview?host=a')).toMatchObject({ page: 'host', host: 'a' }));
});
