// The page: asks the API every few seconds and shows what it says.

import './style.css';
import { refreshAlerts, startAlerts } from './pages/alerts.ts';
import * as api from './api.ts';
import { Chart } from './parts/chart.ts';
import { applicationChart, applicationMetrics, hostCharts, type ChartSpec } from './pages/hosts.ts';
import { go, here, spanOf } from './parts/address.ts';
import { format } from './parts/format.ts';
import { gridOf, rateWindow, type Grid } from './parts/range.ts';
import { unitOfQuery } from './parts/unit.ts';
import { showRange, startRangeBar } from './parts/rangebar.ts';

const REFRESH_MS = 5_000;
const MOST_APPLICATION_CHARTS = 24;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const hostPicker = element<HTMLSelectElement>('host');
const charts = new Map<string, Chart>();
let explored: Chart | undefined;

const showsAlerts = () => here().page === 'alerts';
/** What was drawn last: a zoom is drawn once, and stays. */
let drawn = '';

/** Shows the page that the address names. */
function turnPage(): void {
  element('alerts-page').hidden = !showsAlerts();
  element('metrics-page').hidden = showsAlerts();
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.getAttribute('href') === (showsAlerts() ? '#alerts' : '#overview');
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  showRange();
  void live();
}

async function refresh(): Promise<void> {
  if (showsAlerts()) return refreshAlerts();
  const address = here();
  const [fleet, hosts, names, metadata] = await Promise.all([
    api.fleet(),
    api.labelValues('host'),
    api.labelValues('__name__'),
    api.metadata(),
  ]);
  showFleet(fleet);
  showHosts(hosts, address.host);
  if (address.zoom && drawn === location.hash) return;
  drawn = location.hash;
  const application = applicationMetrics(names);
  element('statsd-empty').hidden = application.length > 0;
  const shown = application.slice(0, MOST_APPLICATION_CHARTS);
  const grid = gridOf(spanOf(address));
  await Promise.all([
    drawAll('host-charts', hostPicker.value ? hostCharts(hostPicker.value) : [], grid),
    drawAll('statsd-charts', shown.map((name) => applicationChart(name, metadata[name]?.[0]?.type ?? '')), grid),
    explored && draw(explored, grid),
  ]);
}

function showFleet(fleet: api.Fleet): void {
  const count = (value: number, what: string) => `${value.toLocaleString('en')} ${what}`;
  const parts = [
    count(fleet.agents, fleet.agents === 1 ? 'agent' : 'agents'),
    `${format(fleet.samples_per_second, 'number')} samples/s`,
    count(fleet.batches_acked, 'acked'),
    count(fleet.batches_resent, 'resent'),
    count(fleet.batches_lost, 'lost'),
  ];
  const line = element('fleet');
  line.textContent = parts.join(' · ');
  line.classList.toggle('bad', fleet.batches_lost > 0);
}

function showHosts(hosts: string[], chosen: string): void {
  const current = [...hostPicker.options].map((option) => option.value);
  if (current.join('\n') !== hosts.join('\n')) hostPicker.replaceChildren(...hosts.map((host) => new Option(host, host)));
  if (hosts.includes(chosen)) hostPicker.value = chosen;
}

async function drawAll(into: string, specs: ChartSpec[], grid: Grid): Promise<void> {
  const wanted = specs.map((spec) => {
    const known = charts.get(spec.id);
    if (known && known.spec.promql === spec.promql) return known;
    known?.element.remove();
    const chart = new Chart(spec);
    charts.set(spec.id, chart);
    return chart;
  });
  const box = element(into);
  const same = wanted.length === box.children.length && wanted.every((chart, at) => box.children[at] === chart.element);
  if (!same) box.replaceChildren(...wanted.map((chart) => chart.element));
  await Promise.all(wanted.map((chart) => draw(chart, grid)));
}

async function draw(chart: Chart, grid: Grid): Promise<api.Line[]> {
  try {
    const lines = await api.range(chart.spec.promql.replaceAll('$window', rateWindow(grid.step)), grid);
    chart.show(lines, grid);
    return lines;
  } catch (error) {
    chart.fail(error as Error);
    return [];
  }
}

async function explore(event: Event): Promise<void> {
  event.preventDefault();
  const promql = element<HTMLInputElement>('promql').value.trim();
  const problem = element('explore-problem');
  problem.hidden = true;
  if (!promql) return;
  const grid = gridOf(spanOf(here()));
  try {
    const lines = await api.range(promql.replaceAll('$window', rateWindow(grid.step)), grid);
    explored = new Chart({ id: 'explore', title: promql, unit: unitOfQuery(promql), promql });
    element('explore-chart').replaceChildren(explored.element);
    explored.show(lines, grid);
    showTable(lines);
  } catch (error) {
    problem.textContent = (error as Error).message;
    problem.hidden = false;
  }
}

function showTable(lines: api.Line[]): void {
  const rows = lines.slice(0, 100).map((line) => {
    const { __name__: name = '', ...labels } = line.labels;
    const text = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    const row = document.createElement('tr');
    row.append(cell('th', `${name}{${text.join(', ')}}`), cell('td', String(line.points.at(-1)?.[1] ?? '')));
    return row;
  });
  element('explore-table').replaceChildren(...rows);
}

function cell(kind: 'th' | 'td', text: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

/** What keeps a page from being shown, and what to do about it. */
function trouble(error: Error): string {
  const scope = showsAlerts() ? 'alerts:read' : 'read';
  if (error instanceof api.TokenNeeded) return `This server asks for a token with the scope “${scope}”: ${error.message}`;
  if (error instanceof api.ScopeNeeded) return `The token does not reach this page: ${error.message}`;
  if (error instanceof api.NotServed && showsAlerts()) return 'This server has no alerting: name rules or routes in [alerting] of weir.toml.';
  return `The server does not answer: ${error.message}. Trying again.`;
}

/** Refreshes one after another, and not at all while nobody looks. */
async function live(): Promise<void> {
  const problem = element('problem');
  if (!document.hidden) {
    try {
      await refresh();
      problem.hidden = tokenForm.hidden = true;
    } catch (error) {
      tokenForm.hidden = !(error instanceof api.TokenNeeded || error instanceof api.ScopeNeeded);
      problem.textContent = trouble(error as Error);
      problem.hidden = false;
    }
  }
  clearTimeout(timer);
  timer = window.setTimeout(live, REFRESH_MS);
}

let timer = 0;
const tokenForm = element<HTMLFormElement>('token-form');
tokenForm.addEventListener('submit', (event) => {
  event.preventDefault();
  api.useToken(element<HTMLInputElement>('token').value);
  void live();
});
element('explore').addEventListener('submit', explore);
hostPicker.addEventListener('change', () => go({ host: hostPicker.value }));
document.addEventListener('visibilitychange', () => document.hidden || live());
window.addEventListener('hashchange', turnPage);
window.addEventListener('popstate', () => location.hash || turnPage());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', turnPage);
startAlerts();
startRangeBar();
turnPage();
