// The page: asks the API every few seconds and shows what it says.

import * as api from './api.ts';
import { here, isRanged, PAGES, writeAddress, type Address, type Page } from './parts/address.ts';
import { showBearer, startBearer } from './parts/bearer.ts';
import { startClock } from './parts/clock.ts';
import { format } from './parts/format.ts';
import { startKeys } from './parts/keys.ts';
import { showRange, startRangeBar } from './parts/rangebar.ts';
import { startTheme } from './parts/theme.ts';
import { refreshAlerts, startAlerts } from './pages/alerts.ts';
import { refreshCardinality, startCardinality } from './pages/cardinality.ts';
import { refreshCatalogue, startCatalogue } from './pages/catalogue.ts';
import { refreshDashboards, startDashboards } from './pages/dashboards.ts';
import { refreshExplore, startExplore } from './pages/explore.ts';
import { refreshFleet, startFleet } from './pages/fleet.ts';
import { startFleetMap } from './pages/fleetmap.ts';
import { refreshHost, startHost } from './pages/host.ts';
import { refreshPipeline } from './pages/pipeline.ts';
import { refreshWhy, startWhy } from './pages/why.ts';
import './style.css';

const REFRESH_MS = 5_000;
const REFRESH: Record<Page, (address: Address) => Promise<void>> = {
  fleet: refreshFleet,
  host: refreshHost,
  explore: refreshExplore,
  metrics: refreshCatalogue,
  why: refreshWhy,
  dashboards: refreshDashboards,
  cardinality: refreshCardinality,
  pipeline: refreshPipeline,
  alerts: refreshAlerts,
};

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
/** What was drawn last: a zoom is drawn once, and stays. */
let drawn = '';

/** Shows the page that the address names. */
function turnPage(): void {
  const address = here();
  drawn = '';
  for (const page of PAGES) {
    const shown = page === address.page;
    const main = document.getElementById(`${page}-page`);
    if (main) main.hidden = !shown;
    for (const link of document.querySelectorAll(`a[data-page="${page}"]`)) {
      // A search is of its own page.
      link.setAttribute('href', writeAddress({ ...address, page, ...(shown ? {} : { search: '' }), rule: '' }));
      if (shown) link.setAttribute('aria-current', 'page');
      // The page of one metric is reached from that of all.
      else if (page === 'metrics' && address.page === 'why') link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }
  element('range-controls').hidden = !isRanged(address);
  element('host-control').hidden = address.page !== 'host';
  showRange();
  void live();
}

async function refresh(): Promise<void> {
  const address = here();
  const hash = location.hash;
  if (address.page !== 'alerts') showFleet(await api.fleet());
  // A token for alerts alone does not reach the fleet, and need not.
  else void api.fleet().then(showFleet, () => (element('fleet').textContent = ''));
  if (address.zoom && isRanged(address) && drawn === hash) return;
  await REFRESH[address.page](address);
  drawn = hash;
}

function showFleet(fleet: api.Fleet): void {
  const count = (value: number, what: string) => `${value.toLocaleString('en')} ${what}`;
  const lost = fleet.batches_lost === 0 ? 'nothing lost' : count(fleet.batches_lost, fleet.batches_lost === 1 ? 'batch lost' : 'batches lost');
  const parts = [count(fleet.agents, fleet.agents === 1 ? 'agent' : 'agents'), `${format(fleet.samples_per_second, 'number')} samples/s`, lost];
  const line = element('fleet');
  line.textContent = parts.join(' · ');
  line.classList.toggle('bad', fleet.batches_lost > 0);
}

/** What keeps a page from being shown, and what to do about it. */
function trouble(error: Error): string {
  const alerts = here().page === 'alerts';
  if (error instanceof api.TokenNeeded) return `This server asks for a token with the scope “${alerts ? 'alerts:read' : 'read'}”: ${error.message}`;
  if (error instanceof api.ScopeNeeded) return `The token does not reach this page: ${error.message}`;
  if (error instanceof api.NotServed && alerts) return 'This server has no alerting: name rules or routes in [alerting] of weir.toml.';
  return `The server does not answer: ${error.message}. Trying again.`;
}

/** Refreshes one after another, and not at all while nobody looks. */
async function live(): Promise<void> {
  const problem = element('problem');
  if (!document.hidden) {
    try {
      await refresh();
      problem.hidden = tokenForm.hidden = true;
      showAway(false);
    } catch (error) {
      tokenForm.hidden = !(error instanceof api.TokenNeeded || error instanceof api.ScopeNeeded);
      problem.textContent = trouble(error as Error);
      problem.hidden = false;
      showAway(error instanceof api.Away);
    }
  }
  clearTimeout(timer);
  timer = window.setTimeout(live, REFRESH_MS);
}

/** What is seen while the server is away is what it said last. */
function showAway(away: boolean): void {
  document.body.classList.toggle('away', away);
  document.title = away ? '✕ Weir, server away' : 'Weir';
}

let timer = 0;
const tokenForm = element<HTMLFormElement>('token-form');
tokenForm.addEventListener('submit', (event) => {
  event.preventDefault();
  api.useToken(element<HTMLInputElement>('token').value);
  showBearer();
  void live();
});
document.addEventListener('visibilitychange', () => document.hidden || live());
window.addEventListener('hashchange', turnPage);
// Something was done that changes what is seen.
window.addEventListener('look-again', () => void live());
window.addEventListener('popstate', () => location.hash || turnPage());
startTheme(turnPage);
startClock(turnPage);
startBearer();
startAlerts();
startCardinality();
startCatalogue();
startDashboards();
startExplore();
startFleet();
startFleetMap();
startKeys();
startHost();
startRangeBar();
startWhy();
turnPage();
