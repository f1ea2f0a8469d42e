// The first page: the charts of one host, and how many metrics applications have sent.

import * as api from '../api.ts';
import { go, spanOf, type Address } from '../parts/address.ts';
import { Chart } from '../parts/chart.ts';
import { gridOf } from '../parts/range.ts';
import { applicationMetrics, hostCharts } from './hosts.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const charts = new Map<string, Chart>();

export async function refreshOverview(address: Address): Promise<void> {
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
  const outcomes = await Promise.all(wanted.map((chart) => chart.draw(grid)));
  // A zoom that could not be drawn is tried again.
  const away = outcomes.find((outcome) => outcome instanceof api.Away);
  if (away) throw away;
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
export function startOverview(): void {
  const picker = element<HTMLSelectElement>('host');
  picker.addEventListener('change', () => go({ host: picker.value }));
}
