// Grafana's names of units, as the console's own.

import type { Unit } from '../parts/format.ts';

const UNITS: Record<string, Unit> = Object.fromEntries(
  (
    [
      ['number', 'short none locale string sishort'],
      ['ratio', 'percentunit'],
      ['percent', 'percent'],
      ['bytes', 'bytes decbytes'],
      ['bytes/s', 'Bps binBps'],
      ['bits/s', 'bps binbps'],
      ['seconds', 's dtdurations clocks'],
      ['milliseconds', 'ms dtdurationms'],
      ['time', 'dateTimeAsIsoSeconds'],
      ['1/s', 'ops reqps rps wps pps iops cps eps cpm'],
    ] as [Unit, string][]
  ).flatMap(([unit, names]) => names.split(' ').map((name) => [name, unit])),
);

/** The unit of a name of Grafana's; none for a name that is not known. */
export const unitOfGrafana = (name: string): Unit | undefined => (name === '' ? 'number' : UNITS[name]);

const COLORS: [RegExp, string][] = [
  [/red/, 'var(--bad)'],
  [/orange|yellow/, 'var(--warn)'],
  [/green/, 'var(--good)'],
  [/blue/, 'var(--link)'],
  [/purple/, 'var(--series-6)'],
];

/** A colour by Grafana's name of it; what is no colour is the text's. */
export function colorOf(name: string): string {
  if (/^(#|rgb)/.test(name)) return name;
  return COLORS.find(([known]) => known.test(name))?.[1] ?? '';
}
