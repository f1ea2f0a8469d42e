import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { named } from '../src/boards/ask.ts';
import { colored, reduced, shareOf, written } from '../src/boards/figure.ts';
import { partsOf } from '../src/boards/markdown.ts';
import { readBoard, type Board, type Panel } from '../src/boards/model.ts';
import { ALL, choicesOf, chosenOf, filledIn, filtered, namesIn, type Chosen, type Variable } from '../src/boards/variables.ts';
import { columnsOf } from '../src/boards/view.ts';
import { nameOf } from '../src/pages/dashboards.ts';
import { readAddress, writeAddress } from '../src/parts/address.ts';
import { gridOf } from '../src/parts/range.ts';

const SHIPPED = new URL('../../deploy/grafana/dashboards/', import.meta.url);
const grid = gridOf({ from: 1_000_000, to: 1_003_600 });

const panelsOf = (board: Board) => board.rows.flatMap((row) => row.panels);

/** Panels that a person would see as failing: not drawn, or with a question that still has a variable in it. */
function failing(board: Board): string[] {
  const chosen: Chosen = Object.fromEntries(board.variables.map((one) => [one.name, ['x']]));
  const open = (panel: Panel) => panel.targets.some(({ expr }) => namesIn(filledIn(expr, board.variables, chosen, grid)).length > 0);
  return panelsOf(board).filter((panel) => panel.kind === undefined || open(panel)).map(({ title, why }) => `${title}: ${why}`);
}

describe('a dashboard that is shipped', () => {
  const names = readdirSync(SHIPPED).filter((name) => name.endsWith('.json'));
  it('is one of six', () => expect(names).toHaveLength(6));
  it.each(names)('%s has no panel that fails', (name) => {
    const board = readBoard(readFileSync(new URL(name, SHIPPED), 'utf8'));
    expect(panelsOf(board).length).toBeGreaterThan(5);
    expect(failing(board)).toEqual([]);
    expect([...board.leftOut.keys()]).toEqual([]);
  });
});

it('the metric of the StatsD dashboard is found in an answer as Grafana writes it', () => {
  const { regex, sort } = readBoard(readFileSync(new URL('statsd.json', SHIPPED), 'utf8')).variables.find(({ name }) => name === 'metric')!;
  expect(filtered(['jobs.done{} 5 1000', 'a{} 1 1000'], regex, sort).map(({ value }) => value)).toEqual(['a', 'jobs.done']);
});

describe('a dashboard with what node-exporter-full has', () => {
  const board = readBoard(readFileSync(new URL('node-like.json', import.meta.url), 'utf8'));
  const panel = (title: string) => panelsOf(board).find((one) => one.title === title)!;
  it('fails in what is not drawn alone', () => expect(failing(board)).toEqual(['Logs: it has no question to Prometheus', 'Where hosts are: panels of the type “geomap” are not shown']));
  it('has its rows, closed ones too', () => expect(board.rows.map(({ title, open, panels }) => [title, open, panels.length])).toEqual([['Quick', true, 4], ['Basic', true, 5], ['Closed', false, 3]]));
  it('names what is left out', () =>
    expect(Object.fromEntries(board.leftOut)).toEqual({
      'panels of the type “geomap”': ['Where hosts are'],
      'questions to loki': ['Logs'],
      'unit “rotrpm” (plain numbers)': ['Fans'],
      'overrides of colours, axes and units': ['Network'],
      'transformation “sortBy”': ['Disks'],
      'stacking to 100 per cent (stacked as they are)': ['CPU'],
      'variables of the type “adhoc”': ['filters'],
      links: ['the dashboard'],
    }));
  it('has its questions filled in', () => {
    const asked = filledIn(panel('CPU').targets[0]!.expr, board.variables, { node: ['a.b:9100'], job: [ALL] }, grid);
    expect(asked).toBe('rate(node_cpu_seconds_total{instance="a.b:9100",job=~".+"}[60s])');
  });
  it('turns down what it turns down', () => expect(panel('Network').overrides.map((one) => [one.matches('eth0 trans'), one.matches('eth0 recv'), one.negative])).toEqual([[true, false, true]]));
  it('reads old panels', () => expect([panel('Old').kind, panel('Old').unit, panel('Old').stacked]).toEqual(['timeseries', 'bytes', true]));
});

describe('what is no dashboard', () => {
  it.each([['[]', /no JSON object/], ['{', /JSON/], ['{"spec": {"elements": {}}}', /v2/]])('%s is told', (text, why) => expect(() => readBoard(text)).toThrow(why));
  it('is not stumbled over within one', () => expect(panelsOf(readBoard('{"panels": [null, 3, {"type": "stat", "targets": "x", "gridPos": {"w": 99}}], "templating": 4}'))).toHaveLength(1));
});

describe('a variable', () => {
  const variable = (more: Partial<Variable>): Variable => ({
    name: 'v', label: 'v', kind: 'query', query: '', regex: '', sort: 0, choices: choicesOf('a.b,c'), multi: false, all: false, allValue: '', hidden: false, usual: [], ...more,
  });
  it('has texts and values', () => expect(choicesOf('p50 : 0.5,a\\,b,1m')).toEqual([{ text: 'p50', value: '0.5' }, { text: 'a,b', value: 'a,b' }, { text: '1m', value: '1m' }]));
  it('is filtered and sorted', () => {
    expect(filtered(['x{__name__="b"} 1', 'x{__name__="a"} 1', 'no'], '/__name__="([^"]+)"/', 1).map(({ value }) => value)).toEqual(['a', 'b']);
    expect(filtered(['n10', 'n9'], '', 3).map(({ value }) => value)).toEqual(['n9', 'n10']);
    expect(filtered(['abc', 'b'], 'b', 0).map(({ value }) => value)).toEqual(['b']);
  });
  it('is what the address says, if that is there', () => {
    expect(chosenOf(variable({}), ['c'])).toEqual(['c']);
    expect(chosenOf(variable({}), ['gone'])).toEqual(['a.b']);
    expect(chosenOf(variable({ all: true }), undefined)).toEqual([ALL]);
    expect(chosenOf(variable({ usual: ['c'] }), undefined)).toEqual(['c']);
  });
  it('stands in a question as its kind has it', () => {
    const fill = (more: Partial<Variable>, values: string[], text = '$v') => filledIn(text, [variable(more)], { v: values }, grid);
    expect(fill({}, ['a.b'])).toBe('a.b');
    expect(fill({ multi: true }, ['a.b'])).toBe('a\\\\.b');
    expect(fill({ multi: true }, ['a.b', 'c'])).toBe('(a\\\\.b|c)');
    expect(fill({ all: true }, [ALL])).toBe('(a\\\\.b|c)');
    expect(fill({ all: true, allValue: '.*' }, [ALL])).toBe('.*');
    expect(fill({ multi: true }, ['a.b', 'c'], '${v:csv} [[v]]')).toBe('a.b,c (a\\\\.b|c)');
    expect(fill({ kind: 'given' }, ['$__interval'], '[$v]')).toBe('[10s]');
  });
  it('of Grafana itself is known', () => expect(filledIn('$__rate_interval $__interval ${__range} $__range_s $__from $else', [], {}, grid)).toBe('60s 10s 3600s 3600 1000000000 $else'));
});

describe('a panel', () => {
  const json = { panels: [{ type: 'table', title: 'T', targets: [{ expr: 'a', refId: 'A' }, { expr: 'b', refId: 'B' }], fieldConfig: { defaults: { unit: 'percentunit', mappings: [{ type: 'value', options: { 0: { text: 'DOWN' } } }], thresholds: { steps: [{ color: 'green', value: null }, { color: 'red', value: 0.8 }] } } }, transformations: [{ id: 'organize', options: { excludeByName: { job: true }, renameByName: { 'Value #A': 'Used' } } }] }] };
  const [panel] = panelsOf(readBoard(JSON.stringify(json))) as [Panel];
  const line = (labels: Record<string, string>, ...values: number[]) => ({ labels, points: values.map((value, at): [number, number] => [at, value]) });
  it('reduces a line', () => expect(['lastNotNull', 'mean', 'max', 'min', 'sum', 'range', 'first', 'last'].map((calc) => reduced(line({}, 1, 3, 2, NaN), calc))).toEqual([2, 2, 3, 1, 6, 2, 1, NaN]));
  it('maps, colours and measures', () => {
    expect([written(0, panel), written(0.5, panel)]).toEqual(['DOWN', '50 %']);
    expect([colored(0.5, panel), colored(0.9, panel)]).toEqual(['var(--good)', 'var(--bad)']);
    expect([shareOf(0.25, panel, 9), shareOf(7, panel, 9)]).toEqual([0.25, 1]);
  });
  it('has a row for each set of labels', () => {
    const [a, b] = panel.targets as [Panel['targets'][0], Panel['targets'][0]];
    const told = columnsOf(panel, [{ target: a, lines: [line({ host: 'x', job: 'j' }, 0.1)] }, { target: b, lines: [line({ host: 'x', job: 'j' }, 0.2), line({ host: 'y', job: 'j' }, 0.3)] }]);
    expect(told).toEqual({ head: ['host', 'Used', 'Value #B'], rows: [['x', '10 %', '20 %'], ['y', '', '30 %']] });
  });
  it('names lines as its legend has it', () => expect([named('{{host}} {{ x }}', { host: 'a' }), named('{{ x }}', {}), named('', {})]).toEqual(['a', undefined, undefined]));
  it('links to nothing that runs', () => expect(partsOf('[a](javascript:x) [b](#alerts) [c](//evil)').filter(({ kind }) => kind === 'a').map(({ href }) => href)).toEqual(['#alerts']));
});

describe('the address', () => {
  it('has the dashboard and what is chosen', () => {
    const address = { ...readAddress('#dashboards'), dashboard: 'host', chosen: { host: ['a b', 'c'], x: ['1'] } };
    expect(readAddress(writeAddress(address))).toEqual(address);
  });
  it('is named by the title', () => expect([nameOf('Node Exporter Full!'), nameOf('—')]).toEqual(['node-exporter-full', 'imported']));
});
