import { afterEach, describe, expect, it } from 'vitest';
import { dated, zonedDate } from '../src/parts/axes.ts';
import { fieldText, hoursOf, hourText, secondOf, timeText, useClock, zoneOf } from '../src/parts/clock.ts';
import { format } from '../src/parts/format.ts';

afterEach(() => useClock({ zone: '', hours: 'auto' }));

/** 27 November 2026, 20:20:50 by UTC. */
const EVENING = Date.UTC(2026, 10, 27, 20, 20, 50) / 1000;

describe('times', () => {
  it.each([['UTC', '2026-11-27 20:20:50'], ['Asia/Kolkata', '2026-11-28 01:50:50'], ['America/St_Johns', '2026-11-27 16:50:50']])('are those of %s', (zone, text) => {
    useClock({ zone, hours: '24' });
    expect(format(EVENING, 'time')).toBe(text);
    expect(hourText(EVENING)).toBe(text.slice(11));
    expect(timeText(EVENING)).toContain(text.slice(11));
  });
  it('have 12 hours if they are chosen', () => {
    useClock({ zone: 'UTC', hours: '12' });
    expect([hourText(EVENING), hourText(EVENING, false)].map((text) => text.slice(0, 5))).toEqual(['08:20', '08:20']);
    expect(hourText(EVENING)).not.toBe(hourText(EVENING - 43_200));
  });
  it('of midnight begin with no 24', () => {
    useClock({ zone: 'UTC', hours: '24' });
    expect([hourText(EVENING - 73_250), fieldText(EVENING - 73_250)]).toEqual(['00:00:00', '2026-11-27T00:00:00']);
  });
});

describe('a field of day and time', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Pacific/Apia', 'Australia/Lord_Howe'])('of %s is read as it is written', (zone) => {
    useClock({ zone, hours: '12' });
    // Every 7 hours of a year, so that clocks go forward and back in it.
    const seconds = Array.from({ length: 1_250 }, (_, at) => EVENING + at * 25_200);
    expect(seconds.filter((second) => fieldText(secondOf(fieldText(second))) !== fieldText(second))).toEqual([]);
    expect(seconds.filter((second) => secondOf(fieldText(second)) !== second).length).toBeLessThan(2);
  });
  it('may leave the seconds out, and may be empty', () => {
    useClock({ zone: 'Asia/Tokyo', hours: 'auto' });
    expect([secondOf('2026-11-28T05:20'), secondOf('')]).toEqual([EVENING - 50, NaN]);
  });
});

it('an axis has the times and days of its zone, and its steps', () => {
  useClock({ zone: 'Asia/Tokyo', hours: '24' });
  const hour = EVENING - 1_250;
  const texts = (from: number, step: number) => dated(undefined as never, [0, 1, 2].map((at) => from + at * step), 0, 0, step);
  expect(texts(hour - 36_000, 21_600)).toEqual(['19:00', '01:00\n11-28', '07:00']);
  expect(texts(hour - 18_000, 86_400)).toEqual(['11-28', '11-29', '11-30']);
  expect(texts(hour, 30)).toEqual(['05:00:00', '05:00:30', '05:01:00']);
  expect(zonedDate(EVENING).getHours()).toBe(5);
});

it('what is kept and cannot be read is as if it were not there', () => {
  expect(['UTC', 'Europe/Berlin', 'Nowhere/Else', '', null].map(zoneOf)).toEqual(['UTC', 'Europe/Berlin', '', '', '']);
  expect(['12', '24', '13', null].map(hoursOf)).toEqual(['12', '24', 'auto', 'auto']);
});
