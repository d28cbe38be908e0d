import { expect, test } from 'vitest';
import { evaluateJsonPath } from './jsonpath.ts';

const list = {
  kind: 'List',
  items: [
    { metadata: { name: 'a', labels: { 'x.io/y': '1' } }, status: { n: 1, addresses: [{ type: 'IP', v: '1.1' }] } },
    {
      metadata: { name: 'b' },
      status: {
        n: 5,
        addresses: [
          { type: 'Host', v: 'h' },
          { type: 'IP', v: '2.2' },
        ],
      },
    },
  ],
};

test.each([
  ['{.kind}', 'List'],
  ['.kind', 'List'],
  ['{.items[*].metadata.name}', 'a b'],
  ['{.items[0].metadata.name}', 'a'],
  ['{.items[-1:].metadata.name}', 'b'],
  ['{.items[0:1].metadata.name}', 'a'],
  ["{.items[0]['metadata'].name}", 'a'],
  ['{.items[0].metadata.labels.x\\.io/y}', '1'],
  ['{..name}', 'a b'],
  ['{.items[?(@.status.n>2)].metadata.name}', 'b'],
  ['{.items[*].status.addresses[?(@.type=="IP")].v}', '1.1 2.2'],
  ['{range .items[*]}{.metadata.name}{"\\t"}{.status.n}{"\\n"}{end}', 'a\t1\nb\t5\n'],
  ['{range .none[*]}{.x}{end}done', 'done'],
  ['{.items[0].status.addresses[0]}', '{"type":"IP","v":"1.1"}'],
  ['{.nothing}', ''],
  ['plain', 'plain'],
  ["{.items[*]['metadata.name','kind']}", 'a b'],
  ["{.items[*]['kind', 'metadata.name']}", 'a b'],
  ["{.items[0].metadata.labels['x.io/y']}", '1'],
  ['{.items[0,1].metadata.name}', 'a b'],
])('%s', (template, want) => {
  expect(evaluateJsonPath(template, list)).toBe(want);
});

test('an end of nothing is an error', () => {
  expect(() => evaluateJsonPath('{.kind}{end}', list)).toThrow(/nothing to end/);
});

test('an index out of bounds is an error', () => {
  expect(() => evaluateJsonPath('{.items[9]}', list)).toThrow(/out of bounds/);
});
