// The metrics that an expression reads: each as a selector that can be asked after.

const STRING = String.raw`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|${'`[^`]*`'}`;
const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const BRACES = String.raw`\{(?:${STRING}|[^}"'${'`'}])*\}`;
/** What is no selector comes first: texts, comments, ranges, labels of groupings, numbers. */
const TOKEN = new RegExp(
  String.raw`${STRING}|#.*|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\d[\w.]*|(?<selector>(?:${NAME}\s*)?${BRACES})|(?<name>${NAME})(?![\w:]|\s*\(|\s+(?:by|without)\b)|${NAME}`,
  'gi',
);
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', 'atan2', 'on', 'ignoring', 'by', 'without', 'group_left', 'group_right']);
/** Braces alone name a metric by a text, or by the label of names. */
const NAMED = new RegExp(String.raw`^${NAME}|[{,]\s*(?:${STRING})\s*[,}]|\b__name__\s*=\s*["'${'`'}]`);

/** Each once, in the order that they are read. */
export function selectorsIn(promql: string): string[] {
  const found = [...promql.matchAll(TOKEN)].flatMap(({ groups = {} }) => {
    const { selector, name } = groups;
    if (selector) return NAMED.test(selector) ? [selector.trim()] : [];
    return name && !WORDS.has(name.toLowerCase()) ? [name] : [];
  });
  return [...new Set(found)];
}

/** A selector as PromQL has it; of a name that is spelled otherwise, such as `k6.http_reqs`, the one that quotes it. */
export function asPromql(selector: string): string {
  return /[{("]/.test(selector) || new RegExp(`^${NAME}$`).test(selector) ? selector : `{${JSON.stringify(selector)}}`;
}
