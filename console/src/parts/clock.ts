// Times as people read them: in the browser's zone, UTC or another one, with 12 or 24 hours. All that shows or reads a time asks here.

export const HOURS = ['auto', '24', '12'] as const;
/** No zone is the browser's; hours are those of its language unless they are chosen. */
export type Clock = { zone: string; hours: (typeof HOURS)[number] };

const CYCLES = { auto: undefined, 24: 'h23', 12: 'h12' } as const;
const DAY = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
const TIME = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;

let clock: Clock = { zone: '', hours: 'auto' };
/** Making a format takes far longer than using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

export function useClock(wanted: Clock): void {
  clock = wanted;
  formats.clear();
}

/** The zone that was chosen; none is the browser's. */
export const zone = () => clock.zone;

/** Differs where times are written otherwise. */
export const clockKey = () => `${clock.zone} ${clock.hours}`;

export const hoursOf = (text: string | null): Clock['hours'] => HOURS.find((hours) => hours === text) ?? 'auto';

/** A zone's name if this browser knows it. */
export function zoneOf(text: string | null): string {
  try {
    return text ? new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone && text : '';
  } catch {
    return '';
  }
}

function formatOf(options: Intl.DateTimeFormatOptions, locale?: string): Intl.DateTimeFormat {
  const key = `${locale ?? ''} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale, { hourCycle: CYCLES[clock.hours], ...options, timeZone: clock.zone || undefined });
    formats.set(key, made);
  }
  return made;
}

/** Day and time of a second. */
export const timeText = (second: number) => formatOf({ ...DAY, ...TIME }).format(second * 1000);
export const dayText = (second: number) => formatOf(DAY).format(second * 1000);
/** The time of day. */
export const hourText = (second: number, withSeconds = true) => formatOf({ ...TIME, ...(withSeconds ? {} : { second: undefined }) }).format(second * 1000);
/** A day as it is sorted, in any language. */
export const dayKey = (second: number) => fieldText(second).slice(0, 10);

/** A second as an input of day and time has it. */
export function fieldText(second: number): string {
  const parts = formatOf({ ...DAY, ...TIME, hourCycle: 'h23' }, 'en-u-ca-gregory').formatToParts(second * 1000);
  const of = (type: Intl.DateTimeFormatPartTypes, digits = 2) => (parts.find((part) => part.type === type)?.value ?? '').padStart(digits, '0');
  return `${of('year', 4)}-${of('month')}-${of('day')}T${of('hour')}:${of('minute')}:${of('second')}`;
}

/** The second that an input of day and time says. Of an hour that comes twice it is one; one that is left out is moved by what it is left out for. */
export function secondOf(field: string): number {
  const wall = Date.parse(`${field}Z`) / 1000;
  if (Number.isNaN(wall)) return NaN;
  const offset = (second: number) => Date.parse(`${fieldText(second)}Z`) / 1000 - Math.floor(second);
  // The zone's offset hangs on the time that is looked for: the first guess is off by no more than it.
  const guess = wall - offset(wall);
  return wall - offset(guess);
}

/** To be called once; what shows times is drawn again after a change. */
export function startClock(redraw: () => void): void {
  const field = document.getElementById('zone') as HTMLInputElement;
  const hours = document.getElementById('hours') as HTMLSelectElement;
  field.placeholder = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // Browsers list each zone by one of its names, and know it by all of them.
  document.getElementById('zones')!.append(...['UTC', ...Intl.supportedValuesOf('timeZone')].map((name) => new Option('', name)));
  const wear = () => {
    useClock({ zone: zoneOf(localStorage.getItem('zone')), hours: hoursOf(localStorage.getItem('hours')) });
    field.value = clock.zone;
    field.setCustomValidity('');
    hours.value = clock.hours;
    const name = document.getElementById('clock-name')!;
    name.textContent = clock.zone ? `◷ ${clock.zone}` : '◷';
    name.setAttribute('aria-label', `Clock: ${clock.zone || "the browser's"}`);
  };
  const changed = () => {
    wear();
    window.dispatchEvent(new Event('clock'));
    redraw();
  };
  wear();
  field.addEventListener('input', () => field.setCustomValidity(''));
  field.addEventListener('change', () => {
    const wanted = field.value.trim();
    const known = zoneOf(wanted);
    field.setCustomValidity(wanted && !known ? 'No time zone is called so.' : '');
    if (!field.reportValidity()) return;
    localStorage.setItem('zone', known);
    changed();
  });
  hours.addEventListener('change', () => {
    localStorage.setItem('hours', hours.value);
    changed();
  });
  // Chosen in another tab.
  window.addEventListener('storage', ({ key }) => {
    if (key === 'zone' || key === 'hours') changed();
  });
}
