import { describe, expect, it } from 'vitest';
import { runsOf } from '../src/boards/ask.ts';
import { readBoard } from '../src/boards/model.ts';
import { repeatedPanels, repeatedRows } from '../src/boards/repeats.ts';
import { ALL } from '../src/boards/variables.ts';
import { bytesIn, sinceWhen } from '../src/pages/cardinality.ts';

const panel = (title: string, x: number, y: number, more = {}) => ({ type: 'timeseries', title, gridPos: { x, y, w: 12, h: 8 }, targets: [{ expr: 'x{host="$host"}' }], ...more });
const board = (panels: object[], more = {}) => readBoard(JSON.stringify({ title: 'T', panels, templating: { list: [{ name: 'host', type: 'custom', query: 'a,b,c', multi: true, includeAll: true }] }, ...more }));

describe('a panel that is repeated', () => {
  const { rows, variables, leftOut } = board([panel('Of $host', 0, 0, { repeat: 'host' }), panel('Below', 0, 8)]);
  const places = (values: string[]) => repeatedPanels(rows[0]!.panels, variables, { host: values }).map(({ one, chosen }) => [one.title, chosen.host?.[0], one.place.x, one.place.y, one.place.w]);

  it('is there once for each value, side by side', () => expect(places([ALL])).toEqual([['Of $host', 'a', 0, 0, 8], ['Of $host', 'b', 8, 0, 8], ['Of $host', 'c', 16, 0, 8], ['Below', undefined, 0, 8, 12]]));
  it('moves down what is below, where it needs more rows', () => {
    const many = ['a', 'b', 'c', 'd', 'e'];
    expect(places(many).map(([, host, x, y]) => [host, x, y])).toEqual([['a', 0, 0], ['b', 6, 0], ['c', 12, 0], ['d', 18, 0], ['e', 0, 8], [undefined, 0, 16]]);
  });
  it('is there once without a value', () => expect(places([])).toEqual([['Of $host', undefined, 0, 0, 12], ['Below', undefined, 0, 8, 12]]));
  it('is not left out', () => expect([...leftOut.keys()]).toEqual([]));
});

it('a row that is repeated has its panels once for each value', () => {
  const { rows, variables } = board([{ type: 'row', title: 'Row of $host', repeat: 'host', gridPos: { y: 0 } }, panel('One', 0, 1)]);
  expect(repeatedRows(rows, variables, { host: ['a', 'c'] }).map(({ one, chosen }) => [one.title, one.panels.length, chosen.host])).toEqual([['Row of $host', 1, ['a']], ['Row of $host', 1, ['c']]]);
});

describe('what of a file is drawn otherwise', () => {
  const left = (more: object, whole = {}) => [...board([panel('P', 0, 0, more)], whole).leftOut.keys()];
  const defaults = (of: object) => ({ fieldConfig: { defaults: of } });
  it.each([
    [defaults({ decimals: 2 }), 'decimals of charts (three digits that count are shown)'],
    [{ type: 'stat', options: { graphMode: 'area' } }, 'graphs behind numbers (graphMode)'],
    [defaults({ custom: { stacking: { mode: 'percent' } } }), 'stacking to 100 per cent (stacked as they are)'],
    [{ type: 'heatmap', ...defaults({ max: 1 }) }, 'ends of axes of heatmaps'],
    [{ libraryPanel: { uid: 'x' } }, 'library panels (their file has no panel in it)'],
    [{ timeFrom: '1h' }, 'ranges of their own (the page’s is shown)'],
  ])('%j is named', (more, what) => expect(left(more)).toEqual([what]));
  it('is nothing where it is the same', () => expect(left({ type: 'gauge', ...defaults({ min: 0, max: 1 }) })).toEqual([]));
  it('is the range that somebody chose', () => {
    expect(left({}, { time: { from: 'now-2d', to: 'now' } })).toEqual(['the range that it was saved with (the page has one)']);
    expect(left({}, { time: { from: 'now-6h', to: 'now' } })).toEqual([]);
  });
});

describe('annotations', () => {
  const list = [{ builtIn: 1, name: 'Own' }, { name: 'Deploys', expr: 'changes(x[1m]) > 0', titleFormat: '{{version}}' }, { name: 'Off', enable: false, expr: 'x' }, { name: 'Tags', type: 'tags' }];
  const { annotations, leftOut } = board([], { annotations: { list } });
  it('that ask for series are read', () => expect(annotations).toEqual([{ name: 'Deploys', expr: 'changes(x[1m]) > 0', title: '{{version}}' }]));
  it('that do not are named', () => expect(leftOut.get('annotations that ask for no series')).toEqual(['Tags']));
  it('are one mark for each run of steps', () => expect(runsOf({ labels: {}, points: [[10, 1], [20, 1], [30, 0], [40, 2], [60, 1]] }, 10)).toEqual([10, 40, 60]));
});

describe('cardinality', () => {
  it('adds up what is on disk', () => expect(bytesIn([{ name: 'weir_store_block_bytes', labels: {}, value: 5 }, { name: 'weir_store_slab_bytes', labels: {}, value: 2 }, { name: 'x', labels: {}, value: 9 }])).toBe(7));
  it('does not know without a store', () => expect(bytesIn([])).toBeUndefined());
  it('says since when', () => {
    expect(sinceWhen([], 10)).toContain('no series');
    expect(sinceWhen([[0, 10], [60, 10], [120, 500], [180, 510]], 10)).toContain('from 10 to 500 series');
    expect(sinceWhen([[0, 100], [60, 101]], 10)).toContain('for a week or longer');
    expect(sinceWhen([[50, 100], [60, 101]], 10)).toContain('first series came');
  });
});
