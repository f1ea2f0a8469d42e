import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const DIST = new URL('../dist/', import.meta.url);
const MOST_BYTES = 150_000;

it.skipIf(!existsSync(new URL('index.html', DIST)))('what is loaded first is small, and the editor is not among it', () => {
  const html = readFileSync(new URL('index.html', DIST), 'utf8');
  const first = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => readFileSync(new URL(path!, DIST)));
  expect(first.length).toBeGreaterThan(1);
  const bytes = first.reduce((sum, file) => sum + gzipSync(file).length, gzipSync(html).length);
  expect(bytes).toBeLessThan(MOST_BYTES);
  expect(readdirSync(new URL('assets/', DIST)).some((name) => name.startsWith('editor-'))).toBe(true);
  expect(first.some((file) => file.includes('cm-tooltip-autocomplete'))).toBe(false);
});
