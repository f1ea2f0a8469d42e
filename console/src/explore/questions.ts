// The fields of questions: plain ones at first, each an editor once somebody comes to it.

import { placeOf } from '../parts/place.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const PLACEHOLDER = 'PromQL, such as sum by (cpu_mode) (system_cpu_utilization_ratio); $window is a span for rates';
const MOST_ROWS = 8;
export const MOST_QUESTIONS = 12;

const fields = () => element('queries').querySelectorAll('textarea');

/** What is written, without empty fields. */
export const written = (): string[] => [...fields()].map(({ value }) => value.trim()).filter(Boolean);

/** Makes a field for each question, or an empty one. */
export function showQuestions(wanted: string[], submit: () => void): void {
  if (fields().length > 0 && wanted.join('\0') === written().join('\0')) return;
  element('queries').replaceChildren(...(wanted.length > 0 ? wanted : ['']).map((text) => question(text, submit)));
}

export function addQuestion(submit: () => void): void {
  if (fields().length >= MOST_QUESTIONS) return;
  const made = question('', submit);
  element('queries').append(made);
  made.querySelector('textarea')?.focus();
}

/** A field for one question: Enter asks, Shift and Enter begins a line. */
function question(text: string, submit: () => void): HTMLElement {
  const row = document.createElement('div');
  row.className = 'question';
  const field = document.createElement('textarea');
  field.value = text;
  field.rows = Math.min(text.split('\n').length, MOST_ROWS);
  field.spellcheck = false;
  field.setAttribute('aria-label', 'PromQL');
  field.placeholder = PLACEHOLDER;
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  const mistake = document.createElement('div');
  mistake.className = 'mistake';
  mistake.setAttribute('role', 'alert');
  mistake.hidden = true;
  field.addEventListener('input', () => {
    field.rows = Math.min(field.value.split('\n').length, MOST_ROWS);
    mistake.hidden = true;
  });
  field.addEventListener('focus', () => void becomeEditor(field, mistake, submit), { once: true });
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.textContent = '✕';
  remove.setAttribute('aria-label', 'Remove this query');
  remove.addEventListener('click', () => {
    row.remove();
    if (fields().length === 0) element('queries').append(question('', submit));
    submit();
  });
  row.append(field, remove, mistake);
  return row;
}

/** Loads the editor and puts it in the field's place; without it, as on a bad way to the server, the field goes on to be one. */
async function becomeEditor(field: HTMLTextAreaElement, mistake: HTMLElement, submit: () => void): Promise<void> {
  const loaded = await import('./editor.ts').catch(() => undefined);
  if (!loaded || !field.isConnected) return;
  const into = document.createElement('div');
  into.className = 'editor';
  const isUsed = document.activeElement === field;
  field.before(into);
  const changed = (text: string) => {
    field.value = text;
    mistake.hidden = true;
  };
  const editor = loaded.edit({ into, field, label: 'PromQL', changed, submit });
  field.hidden = true;
  field.removeAttribute('aria-label');
  if (isUsed) editor.focus();
}

/** Says what is wrong with a question, under the place where it is. */
export function showMistake(at: number, text: string, message: string): void {
  const row = [...fields()].filter(({ value }) => value.trim())[at]?.parentElement;
  const mistake = row?.querySelector<HTMLElement>('.mistake');
  if (!mistake) return;
  mistake.hidden = !message;
  const place = placeOf(message, text);
  const words = document.createElement('p');
  words.textContent = message;
  mistake.replaceChildren(words);
  if (!place) return;
  const underlined = document.createElement('u');
  underlined.textContent = text.slice(...place) || ' ';
  const quoted = document.createElement('pre');
  quoted.append(text.slice(0, place[0]), underlined, text.slice(place[1]));
  mistake.prepend(quoted);
}

/** Goes to the field that is written into first. */
export function focusQuestion(): void {
  const field = fields()[0];
  const editor = field?.parentElement?.querySelector('.editor')?.shadowRoot?.querySelector<HTMLElement>('.cm-content');
  (editor ?? field)?.focus();
}
