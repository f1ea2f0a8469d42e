// One host: what has become of what its agent sent, its charts; and how many metrics applications have sent.

import { alertMarks, eventMarks } from '../alerts/happened.ts';
import * as api from '../api.ts';
import { go, spanOf, type Address } from '../parts/address.ts';
import { Chart } from '../parts/chart.ts';
import { gridOf } from '../parts/range.ts';
import { agentWords, applicationMetrics, hostCharts } from './hosts.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
/** Agents of one host are few; others may have its name within theirs. */
const MOST_AGENTS = 200;
const charts = new Map<string, Chart>();

export async function refreshHost(address: Address): Promise<void> {
  const [hosts, names] = await Promise.all([api.labelValues('host'), api.labelValues('__name__')]);
  const host = showHosts(hosts, address.host);
  const sent = applicationMetrics(names).length;
  element('application-empty').hidden = sent > 0;
  element('application-some').hidden = sent === 0;
  element('application-count').textContent = sent.toLocaleString('en');
  const wanted = host === undefined ? [] : hostCharts(host).map(chartOf);
  const box = element('host-charts');
  const same = wanted.length === box.children.length && wanted.every((chart, at) => box.children[at] === chart.element);
  if (!same) box.replaceChildren(...wanted.map((chart) => chart.element));
  const grid = gridOf(spanOf(address));
  await showAgents(host);
  const [alerts, events, ...outcomes] = await Promise.all([alertMarks(grid, (labels) => labels.host === host), eventMarks(grid, host), ...wanted.map((chart) => chart.draw(grid))]);
  for (const chart of wanted) chart.mark([...events, ...alerts]);
  // A zoom that could not be drawn is tried again.
  const away = outcomes.find((outcome) => outcome instanceof api.Away);
  if (away) throw away;
}

/** What is known of the host's agents, in words; a server without a sink knows none. */
async function showAgents(host: string | undefined): Promise<void> {
  const box = element('host-agents');
  if (host === undefined) return box.replaceChildren();
  try {
    const { agents } = await api.agents({ search: host, state: '', sort: '', order: undefined, limit: MOST_AGENTS, offset: 0 });
    const lines = agents.filter((agent) => agent.host === host).map((agent) => {
      const line = document.createElement('p');
      line.textContent = agentWords(agent);
      line.classList.toggle('bad', agent.state === 'silent' || agent.batches_lost > 0);
      return line;
    });
    box.replaceChildren(...lines);
  } catch (error) {
    if (error instanceof api.Away) throw error;
    // The charts are of use without it.
    box.textContent = `Nothing is known of its agent: ${(error as Error).message}.`;
  }
}

function chartOf(spec: ReturnType<typeof hostCharts>[number]): Chart {
  const known = charts.get(spec.id);
  if (known?.spec.promql === spec.promql) return known;
  const made = new Chart(spec);
  charts.set(spec.id, made);
  return made;
}

/** Shows which hosts there are, and says which one is looked at. */
function showHosts(hosts: string[], wanted: string): string | undefined {
  const picker = element<HTMLSelectElement>('host');
  const current = [...picker.options].map((option) => option.value);
  if (current.join('\n') !== hosts.join('\n')) picker.replaceChildren(...hosts.map((host) => new Option(host, host)));
  const shown = hosts.includes(wanted) ? wanted : hosts[0];
  picker.value = shown ?? '';
  return shown;
}

/** To be called once. */
export function startHost(): void {
  const picker = element<HTMLSelectElement>('host');
  picker.addEventListener('change', () => go({ host: picker.value }));
}
