import { expect, it } from 'vitest';
import { actOf } from '../src/parts/keys.ts';
import { themeAfter, themeOf } from '../src/parts/theme.ts';

const key = (key: string, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, ...more });

it.each([['/', 'search'], ['t', 'range'], ['ArrowLeft', 'earlier'], ['?', 'help'], ['x', undefined], ['constructor', undefined]])('%s is for %s', (name, act) =>
  expect(actOf(key(name), false)).toBe(act));
it('leaves keys to who writes, and to the browser', () =>
  expect([actOf(key('t'), true), actOf(key('t', { ctrlKey: true }), false), actOf(key('ArrowLeft', { altKey: true }), false)]).toEqual([undefined, undefined, undefined]));
it('themes come round', () => expect([themeOf('x'), themeAfter('auto'), themeAfter('light'), themeAfter('dark')]).toEqual(['auto', 'light', 'dark', 'auto']));
