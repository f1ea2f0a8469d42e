// Questions that were asked in this browser before.

const MOST_KEPT = 30;
const HISTORY = 'queries';

export function kept(): string[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(HISTORY) ?? '[]');
    return Array.isArray(read) ? read.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export function keep(queries: string[]): void {
  localStorage.setItem(HISTORY, JSON.stringify([...new Set([...queries, ...kept()])].slice(0, MOST_KEPT)));
}
