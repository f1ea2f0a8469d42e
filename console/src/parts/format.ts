// Numbers as people read them.

import { dayKey, hourText } from './clock.ts';

export type Unit = 'ratio' | 'percent' | 'bytes' | 'bytes/s' | 'bits/s' | 'seconds' | 'milliseconds' | 'time' | 'number' | '1/s';

const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const BITS = ['b', 'kb', 'Mb', 'Gb', 'Tb'];
const SI = ['', 'k', 'M', 'G', 'T'];
const LONG: [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'min']];

/** As many decimals as are said, or three digits that count. */
export function format(value: number | null | undefined, unit: Unit, decimals?: number): string {
  if (value == null || Number.isNaN(value)) return '–';
  switch (unit) {
    case 'ratio':
      return `${short(value * 100, decimals)} %`;
    case 'bytes':
      return scaled(value, 1024, IEC, decimals);
    case 'bytes/s':
      return `${scaled(value, 1024, IEC, decimals)}/s`;
    case 'bits/s':
      return `${scaled(value, 1000, BITS, decimals)}/s`;
    case 'seconds':
      return duration(value, decimals);
    case 'milliseconds':
      return duration(value / 1000, decimals);
    case 'percent':
      return `${short(value, decimals)} %`;
    case 'time':
      return value > 0 ? `${dayKey(value)} ${hourText(value)}` : short(value);
    case '1/s':
      return `${scaled(value, 1000, SI, decimals)}/s`;
    default:
      return scaled(value, 1000, SI, decimals);
  }
}

function scaled(value: number, base: number, units: string[], decimals: number | undefined): string {
  let at = 0;
  while (Math.abs(value) >= base && at < units.length - 1) {
    value /= base;
    at += 1;
  }
  return `${short(value, decimals)} ${units[at]}`.trim();
}

function duration(seconds: number, decimals: number | undefined): string {
  const size = Math.abs(seconds);
  if (size === 0) return '0 s';
  if (size < 1e-3) return `${short(seconds * 1e6, decimals)} µs`;
  if (size < 1) return `${short(seconds * 1e3, decimals)} ms`;
  const [unit, name] = LONG.find(([least]) => size >= least) ?? [1, 's'];
  return `${short(seconds / unit, decimals)} ${name}`;
}

/** What is not whole is never rounded to it. */
export function shareText(share: number | null): string {
  return share !== null && share < 1 ? `${(Math.floor(share * 1e6) / 1e4).toFixed(4)} %` : format(share, 'ratio');
}

/** How long ago a second was. */
export function ago(second: number, now = Date.now() / 1000): string {
  const passed = Math.max(0, now - second);
  if (passed < 120) return `${Math.round(passed)} s ago`;
  if (passed < 7_200) return `${Math.round(passed / 60)} min ago`;
  return passed < 172_800 ? `${Math.round(passed / 3_600)} h ago` : `${Math.round(passed / 86_400)} d ago`;
}

/** Three significant digits, without a tail of zeros. */
function short(value: number, decimals?: number): string {
  if (decimals !== undefined) return value.toFixed(Math.min(Math.max(0, decimals), 10));
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(Math.abs(value) >= 100 ? 4 : 3)));
}
