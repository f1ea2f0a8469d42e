import { describe, expect, it } from 'vitest';
import { expressionIn, ruleFile } from '../src/alerts/rulefile.ts';
import { intervalFor } from '../src/alerts/replaying.ts';
import { ofEvents, ofHistory, summed } from '../src/alerts/spans.ts';
import { comparedIn, numberOf } from '../src/alerts/threshold.ts';

describe('what a rule compares', () => {
  const check = (promql: string, measured: string, operator: string, threshold: number | string | undefined, partly = false) =>
    it(promql, () => expect(comparedIn(promql)).toEqual({ measured, operator, threshold, partly }));

  check('up == 0', 'up', '==', 0);
  check('disk_ratio > 0.9', 'disk_ratio', '>', 0.9);
  check('rate(x_total[5m]) >= 5 * 60', 'rate(x_total[5m])', '>=', 300);
  check('0.1 > free_ratio', 'free_ratio', '<', 0.1);
  check('(sum by (job) (rate(e[5m])) / sum by (job) (rate(t[5m]))) > 0.05', '(sum by (job) (rate(e[5m])) / sum by (job) (rate(t[5m])))', '>', 0.05);
  check('(a > 1) and on (host) (b < 2)', 'a', '>', 1, true);
  check('a > bool 3', 'a', '>', 3);
  check('a > on (host) group_left () limit', 'a', '>', 'limit');
  check('x{path=~"a>b|c == d"} > 2', 'x{path=~"a>b|c == d"}', '>', 2);
  check('count(x > 3)', 'count(x > 3)', '', undefined);
  check('absent(up{job="a"})', 'absent(up{job="a"})', '', undefined);
  check('vector(1)', 'vector(1)', '', undefined);
  check('origin_total > 4', 'origin_total', '>', 4);
  check('a # > 7\n > 2', 'a', '>', 2);
  check('(a) > (b)', '(a)', '>', '(b)');
  check('predict_linear(free[6h], 24 * 3600) < 0', 'predict_linear(free[6h], 24 * 3600)', '<', 0);
});

it('reads numbers and products of them', () => {
  const read = (text: string) => numberOf(text);
  expect(['5', '-1', '1e9', '2*1024^3', '10 / 4', '(7)', '1e-3'].map(read)).toEqual([5, -1, 1e9, 2 * 1024 ** 3, 2.5, 7, 0.001]);
  expect(['x', '5m', '2 * x', '', '1 +', 'NaN'].map(read)).toEqual([undefined, undefined, undefined, undefined, undefined, undefined]);
});

it('finds the expression of the rule that is looked at', () => {
  const file = 'groups:\n  - name: g\n    rules:\n      - record: a:b\n        expr: a\n      - alert: "High"\n        expr: b > 1\n';
  expect([expressionIn(file), expressionIn(file, 'High'), expressionIn(file, 'Gone')]).toEqual(['a', 'b > 1', 'a']);
});

describe('a rule as a file has it', () => {
  const group = { name: 'disks', file: 'f', interval: 60, rules: [] };
  const rule = { type: 'alerting' as const, name: 'Disk full', query: 'a{b="c"} > 1', duration: 300, evaluationTime: 0, labels: { severity: 'page' }, annotations: { summary: '{{ $value }} is "full": soon' } };

  it('is read by YAML', () =>
    expect(ruleFile(group, rule)).toBe(
      [
        'groups:', '  - name: disks', '    interval: 1m', '    rules:', '      - alert: Disk full', '        expr: |', '          a{b="c"} > 1', '        for: 5m',
        '        labels:', '          severity: "page"', '        annotations:', '          summary: "{{ $value }} is \\"full\\": soon"', '',
      ].join('\n'),
    ));
  it('gives its expression back', () => {
    expect(expressionIn(ruleFile(group, rule))).toBe('a{b="c"} > 1');
    const long = { ...rule, query: 'a\n  > on (host)\nb' };
    expect(expressionIn(ruleFile(group, long))).toBe('a\n> on (host)\nb');
    expect(expressionIn("- expr: 'a > ''b'''")).toBe("a > 'b'");
    expect(expressionIn('groups: []')).toBe(undefined);
  });
});

it('a long span is replayed less often', () => expect([300, 86_400, 604_800, 2_592_000].map(intervalFor)).toEqual([1, 10, 60, 300]));

describe('stretches for which alerts fired', () => {
  const change = (at: number, status: 'firing' | 'resolved', host: string) => ({ at_ms: at * 1000, status, labels: { alertname: 'A', host }, annotations: {}, value: 1, active_at_ms: 0 });
  const spans = ofEvents([change(10, 'firing', 'a'), change(12, 'firing', 'a'), change(20, 'resolved', 'a'), change(5, 'resolved', 'b'), change(30, 'firing', 'a')], 0);

  it('begin and end, and begin anew', () => expect(spans.map(({ labels, from, to }) => [labels.host, from, to])).toEqual([['b', 0, 5], ['a', 10, 20], ['a', 30, undefined]]));
  it('add up', () => expect(summed(spans, 40)).toEqual({ times: 3, alerts: 2, seconds: 25, longest: 10, still: 1 }));
  it('are made of the history too', () => {
    const states = [{ at_ms: 1_000, what: 'pending', labels: { alertname: 'A' } }, { at_ms: 2_000, what: 'firing', labels: { alertname: 'A' } }, { at_ms: 3_000, what: 'skipped' }];
    expect(ofHistory(states, 0)).toEqual([{ labels: { alertname: 'A' }, from: 2, to: undefined }]);
  });
});
