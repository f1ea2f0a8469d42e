import { afterEach, describe, expect, it, vi } from 'vitest';
import { forgetToken, givenToken, labelValues, useToken } from '../src/api.ts';
import { claimsIn, wordsOf } from '../src/parts/bearer.ts';
import { useClock } from '../src/parts/clock.ts';

afterEach(() => vi.unstubAllGlobals());

const jwt = (claims: object) => ['{"alg":"EdDSA"}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

describe('a token', () => {
  it('says whose it is', () => {
    useClock({ zone: 'UTC', hours: '24' });
    const claims = claimsIn(jwt({ aud: 'weir', sub: 'Zoë ☂~?', tenant: 7, scope: 'read alerts:read', exp: 1_795_753_250 }));
    expect(claims).toEqual({ subject: 'Zoë ☂~?', tenant: 7, scopes: ['read', 'alerts:read'], expires: 1_795_753_250 });
    expect(wordsOf(claims)).toMatch(/^The token of Zoë ☂~\?, of tenant 7, for read, alerts:read\. It ends at .*04:20:50\.$/);
  });
  it('may have scopes as a list', () => expect(claimsIn(jwt({ sub: 'a', tenant: 0, scope: ['read'], exp: 1 }))?.scopes).toEqual(['read']));
  it.each(['', 'abc', 'a.b', 'a.!.c', 'a.e30.c', `a.${btoa('null')}.c`, 'a.e30.c.d'])('that is none, %j, says nothing', (text) => {
    expect(claimsIn(text)).toBeUndefined();
    expect(wordsOf(claimsIn(text))).toContain('cannot be read');
  });
  it('that is forgotten is shown no more, and not kept', async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal('sessionStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) });
    const shown: (string | null)[] = [];
    vi.stubGlobal('fetch', async (_: string, options: RequestInit) => {
      shown.push(new Headers(options.headers).get('authorization'));
      return new Response('{"status": "success", "data": []}');
    });
    useToken('abc');
    await labelValues('host');
    expect([givenToken(), kept.get('token')]).toEqual(['abc', 'abc']);
    forgetToken();
    await labelValues('host');
    expect([givenToken(), kept.size, shown]).toEqual(['', 0, ['Bearer abc', null]]);
  });
});
