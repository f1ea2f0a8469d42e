// Tables of the page of alerts. Texts are texts, whatever is in them.

export type Cell = string | Node;

const MOST_ROWS = 200;
export const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

export function rowOf(kind: 'th' | 'td', cells: Cell[]): HTMLTableRowElement {
  const made = document.createElement('tr');
  for (const content of cells) {
    const cell = document.createElement(kind);
    if (kind === 'th') cell.scope = 'col';
    cell.append(content);
    made.append(cell);
  }
  return made;
}

/** Fills a table: a row of headings, and one for each entry; what has the focus keeps it, as its button is another one with the same label. */
export function fill(into: HTMLTableElement, headings: string[], rows: Cell[][], none: string): void {
  const shown = rows.slice(0, MOST_ROWS).map((cells) => rowOf('td', cells));
  if (rows.length > MOST_ROWS) shown.push(rowOf('td', [`and ${(rows.length - MOST_ROWS).toLocaleString('en')} more`]));
  keepingFocus(into, () => {
    if (rows.length === 0) into.replaceChildren(rowOf('td', [none]));
    else into.replaceChildren(rowOf('th', headings), ...shown);
  });
}

export const table = (id: string, headings: string[], rows: Cell[][], none: string) => fill(element<HTMLTableElement>(id), headings, rows, none);

/** Makes the content of a box anew, and gives the focus to what has the label that had it. */
export function keepingFocus(box: HTMLElement, make: () => void): void {
  const nameOf = (one: Element | null) => one?.getAttribute('aria-label') ?? one?.textContent;
  const focused = box.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  make();
  if (focused) [...box.querySelectorAll<HTMLElement>('button, a, summary')].find((one) => nameOf(one) === focused)?.focus();
}

export function state(word: string): HTMLElement {
  const mark = document.createElement('span');
  mark.className = `state ${word}`;
  mark.textContent = word;
  return mark;
}

export function code(text: string): HTMLElement {
  const made = document.createElement('code');
  made.textContent = text;
  return made;
}

export function link(text: string, href: string): HTMLAnchorElement {
  const made = document.createElement('a');
  made.textContent = text;
  made.href = href;
  return made;
}

export function button(text: string, label: string, act: () => Promise<void>): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.setAttribute('aria-label', label);
  made.addEventListener('click', () => void attempt(act));
  return made;
}

/** Does something, shows why it failed if it did, and what is there then. */
export async function attempt(act: () => Promise<void>): Promise<void> {
  const problem = element('alerts-problem');
  problem.hidden = true;
  try {
    await act();
    window.dispatchEvent(new Event('look-again'));
  } catch (error) {
    problem.textContent = (error as Error).message;
    problem.hidden = false;
  }
}
