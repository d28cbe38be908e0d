import { expect, test } from 'vitest';
import { compileLabelSelector, formatLabelSelector, parseLabelSelector, validateLabelSelector } from './labels.ts';

const labels = { app: 'web', tier: 'front', n: '5' };
test.each([
  ['', true],
  ['app=web', true],
  ['app==web', true],
  ['app!=web', false],
  ['x!=y', true],
  ['app', true],
  ['!app', false],
  ['!x', true],
  ['app in (web,db)', true],
  ['app notin (web)', false],
  ['x notin (a)', true],
  ['app=web,tier=back', false],
  ['n>4', true],
  ['n<5', false],
  ['app=', false],
  ['n>05', false],
  ['tier>1', false],
  ['x<1', false],
  ['app in (,web)', true],
  ['x notin (a,)', true],
  [' app = web , tier in ( front ) ', true],
])('%s: %s', (text, want) => expect(parseLabelSelector(text).matches(labels)).toBe(want));

test.each([
  ['=', "found '=', expected: !, identifier, or 'end of string'"],
  ['a=b c', "found 'c', expected: ',' or 'end of string'"],
  ['a in b', "found 'b', expected: '('"],
  ['a in (b', "found '', expected: ',' or ')'"],
  ['a in (b c)', "found 'c', expected: ',' or ')'"],
  ['a b', "found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ['(', "found '(', expected: !, identifier"],
  ['a,', "found '', expected: identifier after ','"],
  ['a,,b', "found ',', expected: identifier after ','"],
  ['!', "found '', expected: identifier"],
  ['a in ()', "values set can't be empty"],
  ['a>x', "for 'Gt', 'Lt' operators, the value must be an integer"],
  ['a=-', 'values[0][a]: Invalid value: "-": a valid label must be an empty string or consist of'],
  ['-a=b', 'key: Invalid value: "-a": name part must consist of'],
])('%s is refused', (text, message) => expect(() => parseLabelSelector(text)).toThrow(message));

test('LabelSelector objects', () => {
  expect(compileLabelSelector(undefined).matches(labels)).toBe(false);
  expect(compileLabelSelector({}).matches(labels)).toBe(true);
  const s = {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'In', values: ['b', 'front'] }],
  };
  expect(compileLabelSelector(s).matches(labels)).toBe(true);
  expect(formatLabelSelector(s)).toBe('app=web,tier in (b,front)');
});

test.each([
  [{}, ''],
  [{ matchLabels: { b: '2', a: '1' } }, 'a=1,b=2'],
  [{ matchExpressions: [{ key: 'x', operator: 'In', values: ['a'] }] }, 'x in (a)'],
  [
    {
      matchLabels: { m: '1' },
      matchExpressions: [
        { key: 'z', operator: 'NotIn', values: ['b', 'a'] },
        { key: 'b', operator: 'Exists' },
        { key: 'a', operator: 'DoesNotExist' },
      ],
    },
    '!a,b,m=1,z notin (a,b)',
  ],
])('%j is written %s', (s, want) => {
  expect(formatLabelSelector(s)).toBe(want);
  const labels = { m: '1', b: '' };
  expect(parseLabelSelector(want).matches(labels)).toBe(compileLabelSelector(s).matches(labels));
});

const FIELD = 'spec.selector';
test.each([
  [{ matchLabels: { a: 'b' } }, []],
  [{ matchLabels: { 'a b': 'c' } }, ['spec.selector.matchLabels']],
  [{ matchLabels: { a: '-' } }, ['spec.selector.matchLabels']],
  [{ matchExpressions: [{ key: 'a', operator: 'In' }] }, ['spec.selector.matchExpressions[0].values']],
  [
    { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] },
    ['spec.selector.matchExpressions[0].values'],
  ],
  [{ matchExpressions: [{ key: 'a', operator: 'Near' }] }, ['spec.selector.matchExpressions[0].operator']],
  [
    { matchExpressions: [{ key: '', operator: 'Exists' }] },
    ['spec.selector.matchExpressions[0].key', 'spec.selector.matchExpressions[0].key'],
  ],
  [
    { matchExpressions: [{ key: 'a', operator: 'In', values: ['ok', '-'] }] },
    ['spec.selector.matchExpressions[0].values[1]'],
  ],
])('problems of %j', (s, fields) => expect(validateLabelSelector(s, FIELD).map((e) => e.field)).toEqual(fields));
