// Where in a question a mistake is.

/** The letters that an error is about, by the line and column that it begins with; at the end of the text, the place after it. */
export function placeOf(message: string, text: string): [from: number, to: number] | undefined {
  const [, line, column] = /(?:^|[\s:])(\d+):(\d+): /.exec(message) ?? [];
  if (!line || !column) return undefined;
  const before = text.split('\n').slice(0, Number(line) - 1);
  const from = Math.min(before.reduce((sum, one) => sum + one.length + 1, 0) + Number(column) - 1, text.length);
  const token = /^(?:[\w:]+|"(?:\\.|[^"\\])*"?|\S)/.exec(text.slice(from))?.[0] ?? '';
  return [from, from + Math.max(token.length, 1)];
}
