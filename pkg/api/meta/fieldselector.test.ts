import { describe, expect, test } from 'vitest';
import { ConfigMaps, Pods } from '../kinds/index.ts';
import { parseFieldSelector } from './fieldselector.ts';

const pod = {
  metadata: { name: 'a,b=c', namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { nodeName: 'n1', containers: [] },
  status: { phase: 'Running' },
};

test.each([
  ['', true],
  ['metadata.namespace=ns', true],
  ['metadata.namespace==ns', true],
  ['metadata.namespace!=ns', false],
  ['spec.nodeName=n1,status.phase=Running', true],
  ['spec.nodeName=n1,status.phase!=Running', false],
  ['spec.nodeName=', false],
  [',spec.nodeName=n1,', true],
  ['metadata.name=a\\,b\\=c', true],
  ['metadata.name!=a\\,b\\=c', false],
])('%s: %s', (text, want) => expect(parseFieldSelector(text, Pods).matches(pod)).toBe(want));

describe('refused', () => {
  test.each([
    ['spec.foo=1', 'field label not supported: spec.foo'],
    ['toString=1', 'field label not supported: toString'],
    ['abc', "invalid selector: 'abc'; can't understand 'abc'"],
    ['metadata.name=x,abc', "invalid selector: 'metadata.name=x,abc'; can't understand 'abc'"],
    ['metadata.name=a\\b', 'invalid field selector: invalid escape sequence: \\b'],
    ['metadata.name=a\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('%s', (text, message) => {
    expect(() => parseFieldSelector(text, Pods)).toThrow(message);
  });

  test('a kind without fields of its own names the two it has', () => {
    expect(() => parseFieldSelector('data=x', ConfigMaps)).toThrow(
      '"data" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });
});

test('exact values are known, so that a list can go straight to the key', () => {
  const s = parseFieldSelector('metadata.name=x,metadata.namespace!=y', Pods);
  expect(s.exact('metadata.name')).toBe('x');
  expect(s.exact('metadata.namespace')).toBeUndefined();
});
