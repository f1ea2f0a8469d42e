// What the keyboard does: search, range, earlier and later, help.

import { focusQuestion } from '../explore/questions.ts';
import { go, here } from './address.ts';
import { shift } from './rangebar.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

export type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'isComposing'>;
export type Act = 'search' | 'range' | 'earlier' | 'later' | 'live' | 'help';

const ACTS: Record<string, Act> = { '/': 'search', t: 'range', ArrowLeft: 'earlier', ArrowRight: 'later', l: 'live', '?': 'help' };

/** What a key means, unless it is written into something or belongs to the browser. */
export function actOf(key: Key, writing: boolean): Act | undefined {
  if (writing || key.ctrlKey || key.metaKey || key.altKey || key.isComposing) return undefined;
  return Object.hasOwn(ACTS, key.key) ? ACTS[key.key] : undefined;
}

/** To be called once. */
export function startKeys(): void {
  const help = element<HTMLDialogElement>('help');
  element('show-help').addEventListener('click', () => help.showModal());
  document.addEventListener('keydown', (event) => {
    // An editor is in a shadow tree: from outside, its host is the target.
    const [inner] = event.composedPath();
    const at = inner instanceof Element ? inner : document.body;
    const writing = help.open || at.closest('input, textarea, select, [contenteditable]') !== null;
    if (event.key === 'Escape' && writing && !help.open && !event.defaultPrevented) (at as HTMLElement).blur();
    const act = actOf(event, writing);
    if (!act) return;
    const done = ACT[act]();
    if (done) event.preventDefault();
  });
  /** Each says whether it did something: if not, the key is the browser's. */
  const ACT: Record<Act, () => boolean> = {
    search,
    range: () => ranged(() => element('range').focus()),
    earlier: () => ranged(() => shift(-1)),
    later: () => ranged(() => shift(1)),
    live: () => ranged(() => go({ zoom: undefined })),
    help: () => (help.showModal(), true),
  };
}

function ranged(act: () => void): boolean {
  if (element('range-controls').hidden) return false;
  act();
  return true;
}

/** The search of the page that is shown, or that of metrics. */
function search(): boolean {
  const fields: Partial<Record<string, string>> = { metrics: '#catalogue-search', fleet: '#fleet-search', alerts: '#alerts-search', why: '#why-selector' };
  if (here().page === 'explore') return focusQuestion(), true;
  const own = fields[here().page];
  if (!own) go({ page: 'metrics' });
  document.querySelector<HTMLElement>(own ?? '#catalogue-search')?.focus();
  return true;
}
