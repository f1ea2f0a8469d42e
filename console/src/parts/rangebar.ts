// The controls of the range: presets, two times, a step to either side, and the way back to now.

import { go, here, spanOf, writeAddress } from './address.ts';
import { dayText, fieldText, hourText, secondOf } from './clock.ts';
import { lengthText, PRESETS, shifted, widened, type Span } from './range.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** To be called once. */
export function startRangeBar(): void {
  const picker = element<HTMLSelectElement>('range');
  for (const [name, seconds] of PRESETS) picker.add(new Option(name, String(seconds)));
  picker.addEventListener('change', () => {
    const length = Number(picker.value);
    if (!length) return;
    localStorage.setItem('length', lengthText(length));
    go({ length, zoom: undefined });
  });
  element('earlier').addEventListener('click', () => shift(-1));
  element('later').addEventListener('click', () => shift(1));
  element('wider').addEventListener('click', () => go({ zoom: widened(spanOf(here()), Date.now() / 1000) }));
  element('live').addEventListener('click', () => go({ zoom: undefined }));
  element('share').addEventListener('click', () => void share());
  element('times').addEventListener('submit', (event) => {
    event.preventDefault();
    const zoom = { from: readTime('from'), to: readTime('to') };
    const wrong = !(zoom.from < zoom.to);
    element<HTMLInputElement>('to').setCustomValidity(wrong ? 'This is not after the first time.' : '');
    if (wrong) element<HTMLInputElement>('to').reportValidity();
    else go({ zoom });
  });
  element('times').addEventListener('input', () => element<HTMLInputElement>('to').setCustomValidity(''));
}

/** Shows the range that the address says. */
export function showRange(): void {
  const address = here();
  const picker = element<HTMLSelectElement>('range');
  const known = [...picker.options].some(({ value }) => value === String(address.length));
  if (!known) picker.add(new Option(lengthText(address.length), String(address.length)));
  picker.querySelector('[value=""]')?.remove();
  if (address.zoom) picker.add(new Option(spanText(address.zoom), ''), 0);
  picker.value = address.zoom ? '' : String(address.length);
  element('live').hidden = !address.zoom;
  const span = spanOf(address);
  // Who writes a time is not written over.
  if (element('times').contains(document.activeElement)) return;
  element<HTMLInputElement>('from').value = fieldText(span.from);
  element<HTMLInputElement>('to').value = fieldText(span.to);
}

export function shift(direction: -1 | 1): void {
  const now = Date.now() / 1000;
  const address = here();
  if (direction > 0 && !address.zoom) return;
  const moved = shifted(spanOf(address, now), direction, now);
  const reachesNow = direction > 0 && moved.to >= now - 1 && Math.abs(moved.to - moved.from - address.length) < 1;
  go({ zoom: reachesNow ? undefined : moved });
}

/** A link to what is seen now: its times are fixed, so that it shows the same later. */
async function share(): Promise<void> {
  const address = here();
  const link = new URL(writeAddress({ ...address, zoom: spanOf(address) }), location.href).href;
  const button = element('share');
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Link'), 2_000);
  } catch {
    // Browsers give the clipboard to pages of https and of this host only.
    window.prompt('The link to what is seen now', link);
  }
}

function spanText({ from, to }: Span): string {
  const last = dayText(from) === dayText(to) ? hourText(to) : `${dayText(to)} ${hourText(to)}`;
  return `${dayText(from)} ${hourText(from)} – ${last}`;
}

const readTime = (id: string) => secondOf(element<HTMLInputElement>(id).value);
