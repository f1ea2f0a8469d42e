// Whose token is shown: what it says of itself. The server alone checks it; here it is only read.

import { forgetToken, givenToken } from '../api.ts';
import { timeText } from './clock.ts';

/** Of a token, without a word on whether it is good. */
export type Claims = { subject: string; tenant: number; scopes: string[]; expires: number | undefined };

/** The claims of a JWT; nothing of what is none. */
export function claimsIn(token: string): Claims | undefined {
  const parts = token.split('.');
  const body = parts.length === 3 ? parts[1] : undefined;
  if (!body) return undefined;
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
    const { sub, tenant, scope, exp } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (typeof sub !== 'string') return undefined;
    const scopes = Array.isArray(scope) ? scope.map(String) : String(scope ?? '').split(' ').filter(Boolean);
    return { subject: sub, tenant: Number(tenant ?? 0), scopes, expires: typeof exp === 'number' ? exp : undefined };
  } catch {
    return undefined;
  }
}

export function wordsOf(claims: Claims | undefined): string {
  if (!claims) return 'A token is shown with every question. What it says cannot be read here.';
  const { subject, tenant, scopes, expires } = claims;
  const until = expires === undefined ? '' : ` It ends at ${timeText(expires)}.`;
  return `The token of ${subject}, of tenant ${tenant}, for ${scopes.join(', ') || 'nothing'}.${until}`;
}

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** Says whose token is shown, if one is. */
export function showBearer(): void {
  const token = givenToken();
  const claims = claimsIn(token);
  element('bearer').hidden = !token;
  element('bearer-name').textContent = claims?.subject ?? 'Token';
  element('bearer-said').textContent = token ? wordsOf(claims) : '';
}

/** To be called once. */
export function startBearer(): void {
  showBearer();
  window.addEventListener('clock', showBearer);
  element('forget').addEventListener('click', () => {
    forgetToken();
    for (const id of ['token', 'board-token']) element<HTMLInputElement>(id).value = '';
    // What was answered to it goes too, wherever it is kept or drawn.
    location.reload();
  });
}
