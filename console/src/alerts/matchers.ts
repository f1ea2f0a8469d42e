// Labels and matchers as Alertmanager writes them.

import type { Labels, Matcher } from '../api.ts';

export function labelText(labels: Labels, without: string[] = []): string {
  const shown = Object.entries(labels).filter(([name]) => !without.includes(name));
  return shown.map(([name, value]) => `${name}=${quoted(value)}`).join(' ');
}

export function matcherText(matcher: Matcher): string {
  const operator = matcher.isRegex ? (matcher.isEqual ? '=~' : '!~') : matcher.isEqual ? '=' : '!=';
  return `${matcher.name}${operator}${quoted(matcher.value)}`;
}

/** Reads matchers as they are written: `alertname="Disk" team=~"db|web"`. */
export function readMatchers(text: string): Matcher[] {
  const matchers: Matcher[] = [];
  const one = /\s*,?\s*([^\s,=!~"]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)/y;
  let end = 0;
  for (let found = one.exec(text); found; found = one.exec(text)) {
    const [, name = '', operator = '', value = ''] = found;
    const plain = value.startsWith('"') ? unquoted(value) : value;
    matchers.push({ name, value: plain, isRegex: operator.endsWith('~'), isEqual: operator.startsWith('=') });
    end = one.lastIndex;
  }
  const rest = text.slice(end).replaceAll(/[\s,]/g, '');
  if (rest || matchers.length === 0) throw new Error(`Write matchers such as alertname="Disk" team=~"db|web"${rest && `, not ${rest}`}`);
  return matchers;
}

/** A value as Alertmanager writes it. */
function quoted(value: string): string {
  return `"${value.replaceAll(/["\\\n]/g, (letter) => (letter === '\n' ? '\\n' : `\\${letter}`))}"`;
}

/** A string as Alertmanager reads it: a backslash stands before a quote, a backslash and n; before anything else for itself. */
function unquoted(text: string): string {
  return text.slice(1, -1).replaceAll(/\\(["\\n])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}
