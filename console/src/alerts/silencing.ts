// Silences: what one would mute is seen before it is made.

import * as api from '../api.ts';
import { secondOf, timeText } from '../parts/clock.ts';
import { labelText, matcherText, readMatchers } from './matchers.ts';
import { attempt, button, element, fill, state, table } from './rows.ts';

const field = (id: string) => element<HTMLInputElement>(id);
/** Alerts of a preview that are listed. */
const MOST_MUTED = 50;

export function showSilences(silences: api.Silence[]): void {
  const all = field('silences-expired').checked;
  const kept = silences.filter((silence) => all || silence.status.state !== 'expired');
  const rows = kept.map((silence) => {
    const matchers = silence.matchers.map(matcherText).join(' ');
    const is = silence.status.state;
    const act = is === 'expired'
      ? button('Again …', `Make the silence of ${matchers} again`, async () => fillForm(matchers, silence.comment))
      : button('Expire', `Expire the silence of ${matchers}`, () => api.expire(silence.id));
    return [state(is), matchers, silence.createdBy, silence.comment, timeOf(silence.startsAt), timeOf(silence.endsAt), act];
  });
  table('alerts-silences-table', ['State', 'Matchers', 'By', 'Comment', 'From', 'Until', ''], rows, 'Nothing is silenced.');
}

const timeOf = (text: string) => timeText(Date.parse(text) / 1000);

/** Begins a silence of an alert with these labels. */
export const fillSilence = (labels: api.Labels) => fillForm(labelText(labels), '');

function fillForm(matchers: string, comment: string): void {
  field('silence-matchers').value = matchers;
  if (comment) field('silence-comment').value = comment;
  element('silence').dispatchEvent(new Event('input'));
  field('silence-comment').focus();
}

function wantedSilence(): api.NewSilence {
  const begin = field('silence-from').value;
  const from = begin ? secondOf(begin) * 1000 : Date.now();
  return {
    matchers: readMatchers(field('silence-matchers').value),
    startsAt: new Date(from).toISOString(),
    endsAt: new Date(from + Number(field('silence-hours').value) * 3_600_000).toISOString(),
    createdBy: field('silence-by').value || 'console',
    comment: field('silence-comment').value,
  };
}

/** A silence is shown before it holds: what it would mute is said and listed, and only then can it be made. */
export function watchSilenceForm(): void {
  const make = element<HTMLButtonElement>('silence-make');
  const said = element('silence-preview');
  const listed = element<HTMLTableElement>('silence-muted');
  let previewed: api.NewSilence | undefined;
  let force = false;
  // An answer about what the form said before is not about what it says now.
  let asked = 0;
  const forget = () => {
    asked += 1;
    previewed = undefined;
    make.disabled = true;
    said.textContent = '';
    listed.replaceChildren();
  };
  element('silence').addEventListener('input', forget);
  element('silence').addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(async () => {
      const wanted = wantedSilence();
      forget();
      const number = asked;
      const [preview, muted] = await Promise.all([api.preview(wanted), api.toldAlerts(wanted.matchers.map(matcherText))]);
      if (number !== asked) return;
      said.textContent = [preview.text, ...preview.warnings, preview.refused ?? ''].filter(Boolean).join(' ');
      showMuted(listed, muted);
      force = Boolean(preview.refused);
      make.textContent = force ? 'Silence all the same' : 'Silence';
      previewed = wanted;
      make.disabled = false;
    });
  });
  make.addEventListener('click', () => {
    const wanted = previewed;
    if (!wanted) return;
    void attempt(async () => {
      await api.silence(wanted, force);
      forget();
    });
  });
  field('silences-expired').addEventListener('change', () => window.dispatchEvent(new Event('look-again')));
}

function showMuted(into: HTMLTableElement, muted: api.Told[]): void {
  const rows = muted.slice(0, MOST_MUTED).map(({ labels, receivers, status }) => [
    labels.alertname ?? '',
    labelText(labels, ['alertname']),
    receivers.map(({ name }) => name).join(', '),
    status.state === 'suppressed' ? 'quiet already' : '',
  ]);
  if (muted.length > MOST_MUTED) rows.push([`and ${muted.length - MOST_MUTED} more`, '', '', '']);
  fill(into, ['Would be muted', 'Labels', 'Told otherwise', ''], rows, '');
  if (muted.length === 0) into.replaceChildren();
}
