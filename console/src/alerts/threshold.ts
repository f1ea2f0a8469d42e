// What a rule compares: the side that is measured, and the threshold that it is held against.

export type Compared = {
  /** What is drawn. */
  measured: string;
  operator: string;
  /** A number, or an expression that is drawn beside. */
  threshold: number | string | undefined;
  /** There is more to the rule than this comparison. */
  partly: boolean;
};

type Piece = { text: string; at: number };

/** The first comparison of an expression; one without any is drawn as it is. */
export function comparedIn(promql: string): Compared {
  const text = withoutParentheses(withoutComments(promql));
  const [first = text, ...others] = splitAt(text, /^(?:and|or|unless)\b/i).map(({ text: one }) => withoutParentheses(dropMatching(one)));
  const partly = others.length > 0;
  const sides = splitAt(first, /^(?:==|!=|>=|<=|>|<)/);
  if (sides.length !== 2) return { measured: first, operator: '', threshold: undefined, partly };
  const [left, right] = sides as [Piece, Piece];
  const operator = first.slice(left.text.length, right.at).trim();
  const measured = left.text.trim();
  const held = dropMatching(right.text.replace(/^\s*bool\b/, '')).trim();
  const number = numberOf(held);
  if (number !== undefined) return { measured, operator, threshold: number, partly };
  const other = numberOf(measured);
  if (other !== undefined) return { measured: held, operator: TURNED[operator] ?? operator, threshold: other, partly };
  return { measured, operator, threshold: held, partly };
}

const TURNED: Record<string, string> = { '>': '<', '<': '>', '>=': '<=', '<=': '>=' };

/** A number, or a product of some: `5 * 60`, `1e9`, `-1`, `2 * 1024 ^ 3`. */
export function numberOf(text: string): number | undefined {
  const plain = withoutParentheses(text).replaceAll(/\s+/g, '');
  if (!/^[-+]?[\d.]/.test(plain) || !/^[\d.eE*/^+-]+$/.test(plain)) return undefined;
  const parts = plain.split(/([*/])/);
  let value = power(parts[0] ?? '');
  for (let at = 1; at < parts.length; at += 2) {
    const next = power(parts[at + 1] ?? '');
    value = parts[at] === '*' ? value * next : value / next;
  }
  return Number.isFinite(value) ? value : undefined;
}

const power = (text: string) => text.split('^').map((one) => (one === '' ? NaN : Number(one))).reduceRight((exponent, base) => base ** exponent);

const dropMatching = (text: string) => text.replace(/^\s*(?:(?:on|ignoring|group_left|group_right)\s*\([^)]*\)\s*)+/i, '');

/** The parts of a text between separators that stand outside of all brackets and quotes; each part has its place. */
function splitAt(text: string, separator: RegExp): Piece[] {
  const parts: Piece[] = [];
  let begin = 0;
  for (const at of outside(text)) {
    if (at < begin) continue;
    // A word begins after a letter of none.
    if (/[a-z]/i.test(text[at] ?? '') && /[\w:]/.test(text[at - 1] ?? '')) continue;
    const [found] = separator.exec(text.slice(at)) ?? [];
    if (!found) continue;
    parts.push({ text: text.slice(begin, at), at: begin });
    begin = at + found.length;
  }
  parts.push({ text: text.slice(begin), at: begin });
  return parts;
}

/** The places of a text that are in no bracket and in no quotes. */
function* outside(text: string): Generator<number> {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
    if (`"'\``.includes(letter)) {
      at = endOfString(text, at);
      continue;
    }
    if ('([{'.includes(letter)) depth += 1;
    else if (')]}'.includes(letter)) depth -= 1;
    else if (depth === 0) yield at;
  }
}

function endOfString(text: string, begin: number): number {
  const quote = text[begin];
  for (let at = begin + 1; at < text.length; at += 1) {
    if (text[at] === '\\' && quote !== '`') at += 1;
    else if (text[at] === quote) return at;
  }
  return text.length;
}

/** The same without a pair around all of it. */
function withoutParentheses(text: string): string {
  let plain = text.trim();
  while (plain.startsWith('(') && plain.endsWith(')') && [...outside(plain)].length === 0 && closes(plain)) plain = plain.slice(1, -1).trim();
  return plain;
}

/** Whether the first bracket ends with the last letter. */
function closes(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (`"'\``.includes(text[at]!)) at = endOfString(text, at);
    else if ('([{'.includes(text[at]!)) depth += 1;
    else if (')]}'.includes(text[at]!) && --depth === 0) return at === text.length - 1;
  }
  return false;
}

function withoutComments(text: string): string {
  let plain = '';
  for (let at = 0; at < text.length; at += 1) {
    if (`"'\``.includes(text[at]!)) {
      const end = endOfString(text, at);
      plain += text.slice(at, end + 1);
      at = end;
    } else if (text[at] === '#') {
      while (at + 1 < text.length && text[at + 1] !== '\n') at += 1;
    } else plain += text[at];
  }
  return plain;
}
