// What an answer took, in words.

import type { Cost } from '../api.ts';
import { ago, format } from '../parts/format.ts';

/** Data that are this old are nothing to speak of: windows take a while to close. */
const USUAL_S = 45;

/** Series, samples, tiers, time and what was kept from before; then what the server says beside. */
export function explained(cost: Cost, step: number, now = Date.now() / 1000): string {
  const count = (value: number, what: string) => `${value.toLocaleString('en')} ${what}`;
  const steps = cost.kept + cost.evaluated;
  const parts = [
    cost.samples > 0 || cost.kept === 0 ? `read ${count(cost.samples, 'samples')} of ${count(cost.series, 'series')}` : 'read nothing anew',
    cost.tiers.length > 0 ? `from ${cost.tiers.map(tierName).join(' and ')}` : '',
    `in ${format(cost.seconds, 'seconds')}`,
    cost.kept > 0 ? `${count(cost.kept, 'of')} ${count(steps, 'steps')} were kept from before` : '',
    cost.watermark !== undefined && now - cost.watermark > USUAL_S ? `data of all senders are there until ${ago(cost.watermark, now)}` : '',
  ];
  parts.unshift(`a value every ${format(step, 'seconds')}`);
  return [parts.filter(Boolean).join(', '), ...cost.warnings].join('. ');
}

const tierName = (tier: string) => (tier === 'raw' ? 'samples as they came' : `the tier of ${tier}`);
