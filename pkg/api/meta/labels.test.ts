import { expect, test } from 'vitest';
import { compileLabelSelector, formatLabelSelector, parseLabelSelector } from './labels.ts';

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
  ['x in ()', false],
])('%s: %s', (text, want) => expect(parseLabelSelector(text).matches(labels)).toBe(want));

test.each(['=', 'a=b c', 'a in b', 'a in (b', 'a b', '(', 'a=-', '-a=b'])('%s is refused', (text) =>
  expect(() => parseLabelSelector(text)).toThrow(),
);

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
