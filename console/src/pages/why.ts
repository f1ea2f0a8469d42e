// Where is my metric? Its way from sender to retention, station by station, as the server knows it.

import * as api from '../api.ts';
import { link, state, table } from '../alerts/rows.ts';
import { asPromql } from '../explore/selectors.ts';
import { go, here, writeAddress, type Address } from '../parts/address.ts';
import { timeText } from '../parts/clock.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** What to do, by verdict; what needs nothing has no words. */
const ADVICE: Record<string, string> = {
  stale: 'Look at the sender: it has stopped, or has said that the series ends.',
  past_retention: 'How long metrics are kept is said in [store] of weir.toml.',
  denied: 'Change the rule of [admission] that is named below.',
  renamed: 'Ask for the name that it has now, or change the rule that is named below.',
  relabelled: 'Ask with the labels that it has now, or change the rule that is named below.',
  folded: 'The page of cardinality shows which label makes too many series.',
  over_limit: 'The page of cardinality shows which label makes too many series; those over the limit are left out.',
  refused: 'Mend the sender: the reason is told below.',
  queued: 'Wait: the store is catching up.',
  spooled: 'The agent reaches no gateway or is told to wait: weir-agent status on its host says why.',
  silent: 'Look at the agent of this host: it is down, or cut off.',
  no_agent: 'Is the host spelled so? If it is, no agent runs there.',
  agent_limit: 'Raise max_series or max_series_per_metric of the agent, or send fewer values of the label.',
  other_tenant: 'Ask with a token of the tenant that it belongs to.',
  other_labels: 'See what may have been meant, or look at the sender.',
  never_seen: 'See what may have been meant, or look at the sender.',
};

/** An answer to a question that is no longer asked is not shown. */
let asked = 0;
let shown = '';

export async function refreshWhy(address: Address): Promise<void> {
  const { selector, zoom } = address;
  const field = element<HTMLInputElement>('why-selector');
  if (document.activeElement !== field) field.value = selector;
  // What was said of another one is gone at once.
  if (shown !== selector) show(undefined, '');
  shown = selector;
  asked += 1;
  const turn = asked;
  if (!selector) return;
  try {
    const found = await api.why(selector, zoom?.to);
    if (turn === asked) show(found, '');
  } catch (error) {
    if (error instanceof api.Away || error instanceof api.TokenNeeded || error instanceof api.ScopeNeeded) throw error;
    const said = error instanceof api.NotServed ? 'This server stores nothing: ask one that has a sink.' : (error as Error).message;
    if (turn === asked) show(undefined, said);
  }
}

function show(found: api.Whereabouts | undefined, mistake: string): void {
  const problem = element('why-problem');
  problem.textContent = mistake;
  problem.hidden = !mistake;
  say('why-said', found ? `${found.sentence}${here().zoom ? `, at ${timeText(found.time)}` : ''}.` : '');
  say('why-advice', found ? (ADVICE[found.verdict] ?? '') : '');
  element('why-suggestions').replaceChildren(...(found ? suggested(found) : []));
  if (!found) return element('why-stations').replaceChildren();
  const rows = found.steps.map(({ station, state: word, sentence }) => {
    const links = document.createElement('span');
    links.append(...linksOf(station, found).flatMap(([text, to]) => [link(text, writeAddress({ ...here(), search: '', ...to })), ' ']));
    return [named(station, found), state(word), sentence, links];
  });
  table('why-stations', ['Station', 'State', 'What it says', ''], rows, '');
}

/** A screen reader says a text again whenever it is set. */
function say(id: string, text: string): void {
  if (element(id).textContent !== text) element(id).textContent = text;
}

/** The station that the verdict is about stands out. */
function named(station: string, found: api.Whereabouts): Node | string {
  if (found.verdict === 'stored' || found.station !== station) return station;
  const made = document.createElement('strong');
  made.textContent = station;
  return made;
}

function suggested({ suggestions }: api.Whereabouts): (Node | string)[] {
  if (suggestions.length === 0) return [];
  const links = suggestions.flatMap((one) => [link(one, writeAddress({ ...here(), selector: one })), ' ']);
  return ['Did you mean: ', ...links];
}

/** The value that a selector says a label has. */
export function valueOf(selector: string, label: string): string {
  const [, quoted] = new RegExp(String.raw`[{,]\s*${label}\s*=\s*("(?:\\.|[^"\\])*")`).exec(selector) ?? [];
  try {
    return quoted ? String(JSON.parse(quoted)) : '';
  } catch {
    return '';
  }
}

/** Where more is seen of a station. */
export function linksOf(station: string, { selector, verdict }: Pick<api.Whereabouts, 'selector' | 'verdict'>): [string, Partial<Address>][] {
  const host = valueOf(selector, 'host');
  switch (station) {
    case 'sender':
      if (!host) return [['agents', { page: 'fleet' }]];
      return [['agents like it', { page: 'fleet', search: host, state: '' }], ...(verdict === 'no_agent' ? [] : [['its host', { page: 'host', host }] as [string, Partial<Address>]])];
    case 'gateway':
    case 'queue':
      return [['pipeline', { page: 'pipeline' }]];
    case 'limits':
      return [['cardinality', { page: 'cardinality' }]];
    case 'store':
      return [['explore', { page: 'explore', queries: [asPromql(selector)] }]];
    default:
      return [];
  }
}

/** The address that asks where a metric is. */
export const whyAddress = (selector: string) => writeAddress({ ...here(), page: 'why', selector });

/** To be called once. */
export function startWhy(): void {
  element('why-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const selector = element<HTMLInputElement>('why-selector').value.trim();
    // The same question is asked anew.
    if (!go({ selector })) window.dispatchEvent(new Event('look-again'));
  });
}
