// Dashboards: a list of them, one that is seen, and its file.

import { alertMarks, eventMarks } from '../alerts/happened.ts';
import * as api from '../api.ts';
import { annotationMarks, choose } from '../boards/ask.ts';
import { repeatedPanels, repeatedRows, type Repeated } from '../boards/repeats.ts';
import { readBoard, type Board, type Row } from '../boards/model.ts';
import { ALL, filledIn, namesIn, type Chosen, type Variable } from '../boards/variables.ts';
import { PanelView } from '../boards/view.ts';
import { go, here, spanOf, writeAddress, type Address } from '../parts/address.ts';
import { timeText } from '../parts/clock.ts';
import { gridOf } from '../parts/range.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
/** Pixels above and below of what is seen that are drawn too. */
const AROUND_PX = 300;

/** What is seen: its text may be of a file that nobody has saved yet. */
type Open = { name: string; text: string; etag: string; board: Board; views: Seen[]; chosen: Chosen | undefined; repeats: string };
/** A panel, and what is chosen for it alone. */
type Seen = { view: PanelView; chosen: Chosen };
let open: Open | undefined;

export async function refreshDashboards(address: Address): Promise<void> {
  element('boards-list').hidden = address.dashboard !== '';
  element('board').hidden = address.dashboard === '';
  element<HTMLAnchorElement>('boards-back').href = writeAddress({ ...address, dashboard: '' });
  if (!address.dashboard) {
    open = undefined;
    return showList(await api.dashboards(), address);
  }
  if (open?.name !== address.dashboard) {
    const saved = await api.dashboard(address.dashboard);
    // Who went on meanwhile sees what was asked for later.
    if (here().dashboard !== saved.name) return;
    element('board-mistake').hidden = !saved.mistake;
    element('board-mistake').textContent = saved.mistake ? `${saved.mistake.file}:${saved.mistake.line}:${saved.mistake.column}: ${saved.mistake.text}. The last good version is seen.` : '';
    show(saved.name, saved.text, saved.etag);
    await showVersions(saved.name);
  }
  await draw(address);
}

function showList(all: api.Listed[], address: Address): void {
  const row = (kind: 'th' | 'td', cells: (string | Node)[]) => {
    const made = document.createElement('tr');
    for (const content of cells) made.appendChild(document.createElement(kind)).append(content);
    return made;
  };
  const rows = all.map(({ name, title, tags, shipped, mistake }) => {
    const link = document.createElement('a');
    link.textContent = title;
    link.dataset.dashboard = name;
    link.href = writeAddress({ ...address, dashboard: name, chosen: {} });
    const state = mistake ? `line ${mistake.line}: ${mistake.text}` : shipped ? 'comes with Weir' : 'file';
    return row('td', [link, name, tags.join(', '), state]);
  });
  const focused = document.activeElement?.getAttribute('data-dashboard');
  element('boards').replaceChildren(row('th', ['Title', 'Name', 'Tags', 'From']), ...rows);
  if (focused) element('boards').querySelector<HTMLElement>(`[data-dashboard="${CSS.escape(focused)}"]`)?.focus();
}

/** Reads a text and makes its panels; one that cannot be read is an error, and what was seen stays. */
function show(name: string, text: string, etag: string): void {
  const board = readBoard(text);
  open = { name, text, etag, board, views: [], chosen: undefined, repeats: '' };
  element('board-title').textContent = board.title;
  layOut(open, {});
  showLeftOut(board);
  element<HTMLTextAreaElement>('board-text').value = text;
  element<HTMLInputElement>('board-name').value = name;
  element('board-variables').replaceChildren();
}

/** Makes the rows and panels that there are with what is chosen. */
function layOut(now: Open, chosen: Chosen): void {
  const { rows, variables } = now.board;
  now.views = [];
  element('board-rows').replaceChildren(...repeatedRows(rows, variables, chosen).map((repeated) => rowOf(repeated, now, { ...chosen, ...repeated.chosen })));
}

const titled = (title: string, now: Open, chosen: Chosen) => filledIn(title, now.board.variables, chosen, gridOf(spanOf(here())));

function rowOf({ one: row, chosen: ofRow }: Repeated<Row>, now: Open, chosen: Chosen): HTMLElement {
  const grid = document.createElement('div');
  grid.className = 'board-grid';
  const made = repeatedPanels(row.panels, now.board.variables, chosen).map((repeated) => {
    const own = { ...ofRow, ...repeated.chosen };
    return { view: new PanelView({ ...repeated.one, title: titled(repeated.one.title, now, { ...chosen, ...own }) }), chosen: own };
  });
  now.views.push(...made);
  const top = Math.min(...made.map(({ view }) => view.panel.place.y));
  for (const { view } of made) view.element.style.gridRow = `${view.panel.place.y - top + 1} / span ${view.panel.place.h}`;
  grid.append(...made.map(({ view }) => view.element));
  if (!row.title) return grid;
  const details = document.createElement('details');
  details.open = row.open;
  const summary = document.createElement('summary');
  summary.textContent = `${titled(row.title, now, chosen)} (${made.length})`;
  details.append(summary, grid);
  details.addEventListener('toggle', () => void draw(here(), true).catch(() => undefined));
  return details;
}

function showLeftOut({ leftOut }: Board): void {
  const box = element('board-left');
  box.hidden = leftOut.size === 0;
  box.querySelector('summary')!.textContent = leftOut.size === 1 ? 'One thing of this file is left out or drawn otherwise' : `${leftOut.size} things of this file are left out or drawn otherwise`;
  const items = [...leftOut].map(([what, whose]) => {
    const item = document.createElement('li');
    item.textContent = `${what}: ${whose.slice(0, 12).join(', ')}${whose.length > 12 ? ` and ${whose.length - 12} more` : ''}`;
    return item;
  });
  box.querySelector('ul')!.replaceChildren(...items);
}

/** Draws what is seen; `known` means that nothing but that has changed. */
async function draw(address: Address, known = false): Promise<void> {
  if (!open) return;
  const now = open;
  const grid = gridOf(spanOf(address));
  const { variables } = now.board;
  if (!known) {
    const failed: string[] = [];
    const chosen = await choose(variables, address.chosen, grid, (variable, error) => failed.push(`${variable.label}: ${error.message}`));
    if (open !== now) return;
    now.chosen = chosen;
    showVariables(variables, chosen, failed);
    // Titles have what is chosen, too.
    const repeats = JSON.stringify(chosen);
    if (repeats !== now.repeats && (hasRepeats(now.board) || hasNames(now.board))) layOut(now, chosen);
    now.repeats = repeats;
  }
  const { chosen } = now;
  // Rows that open while variables are asked for are drawn with them.
  if (!chosen) return;
  const fill = (own: Chosen) => (text: string) => {
    const without = variables.find(({ name }) => chosen[name]?.length === 0 && namesIn(text).includes(name));
    if (without) throw new Error(`“${without.label}” has nothing to choose from yet.`);
    return filledIn(text, variables, { ...chosen, ...own }, grid);
  };
  const seen = now.views.filter(isSeen);
  // An alert of another host than the one that is chosen is no news here, nor one of none.
  const narrowed = Object.entries(chosen).filter(([name, values]) => !values.includes(ALL) && !variables.find((one) => one.name === name)?.hidden);
  const passes = (labels: api.Labels) => {
    const shared = narrowed.filter(([name]) => labels[name] !== undefined);
    return shared.every(([name, values]) => values.includes(labels[name]!)) && (shared.length > 0 || narrowed.length === 0);
  };
  const [marks, ...outcomes] = await Promise.all([alertMarks(grid, passes), ...seen.map(({ view, chosen: own }) => view.draw(grid, fill(own)))]);
  const [noted, events] = await Promise.all([annotationMarks(now.board.annotations, fill({}), grid), eventMarks(grid, narrowed.find(([name, { length }]) => name === 'host' && length === 1)?.[1][0])]);
  if (open !== now) return;
  for (const { view } of seen) view.mark([...events, ...noted, ...marks]);
  // A zoom that could not be drawn is tried again.
  const away = outcomes.find((outcome) => outcome instanceof api.Away);
  if (away) throw away;
}

const hasRepeats = ({ rows }: Board) => rows.some(({ repeat, panels }) => repeat || panels.some((panel) => panel.repeat));
const hasNames = ({ rows }: Board) => rows.some(({ title, panels }) => [title, ...panels.map((panel) => panel.title)].some((one) => namesIn(one).length > 0));

function isSeen({ view: { element: one } }: Seen): boolean {
  const { top, bottom, height } = one.getBoundingClientRect();
  return height > 0 && bottom > -AROUND_PX && top < innerHeight + AROUND_PX;
}

function showVariables(variables: Variable[], chosen: Chosen, failed: string[]): void {
  const form = element('board-variables');
  // Who chooses is not interrupted.
  if (form.contains(document.activeElement)) return;
  const fields = variables.filter(({ hidden }) => !hidden).map((variable) => {
    const label = document.createElement('label');
    label.append(`${variable.label} `, variable.kind === 'text' ? textField(variable, chosen) : choiceField(variable, chosen));
    return label;
  });
  const told = failed.map((text) => Object.assign(document.createElement('p'), { className: 'bad', textContent: text }));
  form.replaceChildren(...fields, ...told);
}

function textField({ name }: Variable, chosen: Chosen): HTMLElement {
  const input = document.createElement('input');
  input.value = chosen[name]?.[0] ?? '';
  input.addEventListener('change', () => pick(name, [input.value]));
  return input;
}

function choiceField({ name, choices, all, multi }: Variable, chosen: Chosen): HTMLElement {
  const select = document.createElement('select');
  select.multiple = multi;
  if (multi) select.size = 3;
  const options = all ? [{ text: 'All', value: ALL }, ...choices] : choices;
  for (const { text, value } of options) select.add(new Option(text, value, false, chosen[name]?.includes(value) ?? false));
  select.addEventListener('change', () => {
    const values = [...select.selectedOptions].map(({ value }) => value);
    // One that is chosen beside all means that one.
    pick(name, values.length > 1 ? values.filter((value) => value !== ALL) : values);
  });
  return select;
}

function pick(name: string, values: string[]): void {
  go({ chosen: { ...here().chosen, [name]: values } });
}

async function showVersions(name: string): Promise<void> {
  const versions = await api.dashboardVersions(name).catch(() => []);
  const picker = element<HTMLSelectElement>('board-version');
  picker.replaceChildren(new Option(versions.length > 0 ? 'as it is now' : 'none saved yet', ''));
  for (const version of versions) picker.add(new Option(timeText(version / 1000), String(version)));
}

const say = (text: string) => (element('board-said').textContent = text);

/** What nobody has read is not written over. */
async function isThere(name: string): Promise<boolean> {
  return (await api.dashboards()).some((one) => one.name === name);
}

async function save(): Promise<void> {
  const name = element<HTMLInputElement>('board-name').value;
  const text = element<HTMLTextAreaElement>('board-text').value;
  try {
    readBoard(text);
    const etag = open?.name === name ? open.etag : '';
    if (!etag && (await isThere(name))) return void say(`There is “${name}” already: save this under another name, or open that one and change it there.`);
    const saved = await api.saveDashboard(name, text, etag, element<HTMLInputElement>('board-token').value.trim());
    show(saved.name, saved.text, saved.etag);
    say('Saved.');
    if (!go({ dashboard: name })) await draw(here());
    await showVersions(name);
  } catch (error) {
    if (error instanceof api.Changed) say('Somebody has saved it since you opened it: open it again, or choose the newest version, and make your change there.');
    else say(api.tokenToSave(error) ?? (error as Error).message);
  }
}

/** Shows a text that is not saved. */
async function tryOut(name: string, text: string): Promise<void> {
  try {
    show(name, text, open?.name === name ? open.etag : '');
    say('Not saved yet.');
    if (!go({ dashboard: name, chosen: {} })) await draw(here());
  } catch (error) {
    say((error as Error).message);
    throw error;
  }
}

/** The name that a file is saved under: of its title, or else of its own name. */
export function nameOf(title: string): string {
  const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return name.slice(0, 60) || 'imported';
}

async function importFile(file: File): Promise<void> {
  const text = await file.text();
  try {
    open = undefined;
    await tryOut(nameOf(readBoard(text).title), text);
    element<HTMLDetailsElement>('board-file-details').open = true;
  } catch (error) {
    element('problem').textContent = `${file.name}: ${(error as Error).message}`;
    element('problem').hidden = false;
  }
}

/** To be called once. */
export function startDashboards(): void {
  window.addEventListener('clock', () => {
    for (const option of element<HTMLSelectElement>('board-version').options) if (option.value) option.text = timeText(Number(option.value) / 1000);
  });
  const file = element<HTMLInputElement>('board-file');
  file.addEventListener('change', () => {
    const [one] = file.files ?? [];
    if (one) void importFile(one);
    file.value = '';
  });
  element('board-save').addEventListener('submit', (event) => {
    event.preventDefault();
    void save();
  });
  element('board-variables').addEventListener('submit', (event) => event.preventDefault());
  element('board-try').addEventListener('click', () => {
    if (open) void tryOut(open.name, element<HTMLTextAreaElement>('board-text').value).catch(() => undefined);
  });
  const version = element<HTMLSelectElement>('board-version');
  version.addEventListener('change', async () => {
    if (!open) return;
    const text = version.value ? await api.dashboardVersion(open.name, Number(version.value)).catch((error: Error) => say(error.message)) : open.text;
    element<HTMLTextAreaElement>('board-text').value = text;
  });
  let scrolling = 0;
  window.addEventListener('scroll', () => {
    clearTimeout(scrolling);
    if (here().page === 'dashboards') scrolling = window.setTimeout(() => void draw(here(), true).catch(() => undefined), 120);
  });
}
