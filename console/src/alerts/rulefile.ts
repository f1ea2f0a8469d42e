// Rules as files have them.

import type { Labels, Rule, RuleGroup } from '../api.ts';

export type Known = { id: string; group: RuleGroup; rule: Rule };

/** A file with one rule of a group; strings are JSON's, which are YAML's too. */
export function ruleFile(group: RuleGroup, rule: Rule): string {
  const lines = ['groups:', `  - name: ${plain(group.name)}`, `    interval: ${duration(group.interval)}`, '    rules:'];
  const add = (text: string) => lines.push(`        ${text}`);
  lines.push(`      - ${rule.type === 'recording' ? 'record' : 'alert'}: ${plain(rule.name)}`);
  if (/[\n"]/.test(rule.query)) {
    add('expr: |');
    for (const line of rule.query.split('\n')) add(`  ${line}`);
  } else add(`expr: ${plain(rule.query)}`);
  if (rule.duration) add(`for: ${duration(rule.duration)}`);
  if (rule.keepFiringFor) add(`keep_firing_for: ${duration(rule.keepFiringFor)}`);
  addMap('labels', rule.labels);
  addMap('annotations', rule.annotations);
  return `${lines.join('\n')}\n`;

  function addMap(name: string, map: Labels | undefined): void {
    const entries = Object.entries(map ?? {});
    if (entries.length === 0) return;
    add(`${name}:`);
    for (const [key, value] of entries) add(`  ${plain(key)}: ${JSON.stringify(value)}`);
  }
}

/** A word as it is, where YAML takes it for nothing else. */
function plain(text: string): string {
  const safe = /^[A-Za-z_][\w.:() +*/<>=-]*$/.test(text) && !/: |:$| $|^(true|false|yes|no|on|off|null|y|n)$/i.test(text);
  return safe ? text : JSON.stringify(text);
}

/** Seconds as rule files write them. */
export function duration(seconds: number): string {
  if (!Number.isInteger(seconds)) return `${Math.round(seconds * 1000)}ms`;
  const [size, unit] = ([[86_400, 'd'], [3_600, 'h'], [60, 'm']] as const).find(([one]) => seconds > 0 && seconds % one === 0) ?? [1, 's'];
  return `${seconds / size}${unit}`;
}

/** The expression of the rule of a name in a file's text, or of its first, as far as it can be seen without reading YAML. */
export function expressionIn(text: string, name = ''): string | undefined {
  const lines = text.split('\n');
  const named = lines.findIndex((line) => unquoted(/^\s*(?:- )?(?:alert|record):\s*(.*?)\s*$/.exec(line)?.[1] ?? '') === name);
  const at = lines.findIndex((line, index) => index >= Math.max(named, 0) && /^\s*(- )?expr:/.test(line));
  if (at < 0) return undefined;
  const [, indent = '', written = ''] = /^(\s*(?:- )?)expr:\s*(.*)$/.exec(lines[at]!) ?? [];
  if (!/^[|>][+-]?\s*$/.test(written)) return unquoted(written.trim());
  const body: string[] = [];
  for (const line of lines.slice(at + 1)) {
    if (line.trim() && line.search(/\S/) <= indent.length) break;
    body.push(line.trim());
  }
  return body.join('\n').trim();
}

function unquoted(text: string): string {
  if (text.startsWith("'") && text.endsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
