// Alerts as marks of charts.

import * as api from '../api.ts';
import { here, writeAddress } from '../parts/address.ts';
import { clockKey, timeText } from '../parts/clock.ts';
import type { Mark } from '../parts/marks.ts';
import type { Span } from '../parts/range.ts';
import { labelText } from './matchers.ts';
import { ofHistory, withThoseNow, type Fired } from './spans.ts';

/** A page of charts asks once for all of them, and a server without alerting is not asked again for a while. */
const KEPT_MS = 4_000;
const REFUSED_MS = 60_000;

let kept: { key: string; at: number; fired: Promise<Fired[]> } | undefined;
let refusedUntil = 0;

async function ask({ from, to }: Span): Promise<Fired[]> {
  const [history, alerts] = await Promise.all([api.alertHistory(from, to), api.alerts()]);
  const isNow = Date.now() / 1000 - to < 60;
  return withThoseNow(ofHistory(history.states ?? [], from), isNow ? alerts : [], from);
}

/** The alerts of a span that pass; none where nobody may see them, or there are none: charts are of use without. */
export async function alertMarks(span: Span, passes: (labels: api.Labels) => boolean): Promise<Mark[]> {
  const key = `${Math.round(span.from)} ${Math.round(span.to - span.from)}`;
  if (performance.now() < refusedUntil) return [];
  if (kept?.key !== key || performance.now() - kept.at > KEPT_MS) {
    const fired = ask(span).catch((error: Error) => {
      if (!(error instanceof api.Away)) refusedUntil = performance.now() + REFUSED_MS;
      return [];
    });
    kept = { key, at: performance.now(), fired };
  }
  const fired = (await kept.fired).filter(({ labels }) => passes(labels));
  return marksOf(fired, writeAddress({ ...here(), page: 'alerts', view: 'history', rule: '', search: '' }));
}

let events: { key: string; at: number; marks: Promise<Mark[]> } | undefined;
let noEventsUntil = 0;

/** Events that applications have sent in a span, of one host if one is named; none where the server keeps none. */
export async function eventMarks(span: Span, host = ''): Promise<Mark[]> {
  if (performance.now() < noEventsUntil) return [];
  const key = `${Math.round(span.from)} ${Math.round(span.to)} ${host} ${clockKey()}`;
  if (events?.key !== key || performance.now() - events.at > KEPT_MS) {
    const marks = api.happened(span.from, span.to, host).then(
      (all) => all.map(markOf).sort((a, b) => a.from - b.from),
      (error: Error) => {
        if (!(error instanceof api.Away)) noEventsUntil = performance.now() + REFUSED_MS;
        return [];
      },
    );
    events = { key, at: performance.now(), marks };
  }
  return events.marks;
}

/** What it says, in a line; its text is as long as its sender liked. */
export function markOf({ timestamp, title, text, host, tags }: api.Happened): Mark {
  const said = [title, host && `on ${host}`, text.slice(0, 300), tags.join(' ')].filter(Boolean).join(' · ');
  return { from: timestamp, to: timestamp, kind: 'event', text: `${timeText(timestamp)}: ${said}`, href: location.hash };
}

/** Labels that say what an alert is, not what it is about. */
const OWN = new Set(['alertname', 'severity', 'team']);

/** Whether an alert is about something that lines are of: they have a label alike, and none of another value. */
export function isAbout(labels: api.Labels, lines: api.Line[]): boolean {
  const told = Object.entries(labels).filter(([name]) => !OWN.has(name));
  return lines.some((line) => {
    const shared = told.filter(([name]) => line.labels[name] !== undefined);
    return shared.length > 0 && shared.every(([name, value]) => line.labels[name] === value);
  });
}

export function marksOf(fired: Fired[], href: string): Mark[] {
  return fired.map(({ labels, from, to }) => ({ from, to, kind: 'alert', text: `${labelText(labels)} fired from ${timeText(from)}${to ? ` to ${timeText(to)}` : ', and fires'}`, href }));
}
