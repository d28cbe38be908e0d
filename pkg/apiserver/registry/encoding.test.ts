import { expect, test } from 'vitest';
import { Deployments, Pods } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { encodingOf } from './encoding.ts';

const object = (more: object = {}, meta: object = {}): KubeObject =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', ...meta }, ...more }) as KubeObject;
const { encode, withVersion } = encodingOf(Deployments);
const parsed = (b: Buffer): unknown => JSON.parse(b.toString());

test.each<[string, KubeObject, object]>([
  ['metadata only', object(), { metadata: { name: 'a' } }],
  ['more fields', object({ spec: { replicas: 1 } }), { metadata: { name: 'a' }, spec: { replicas: 1 } }],
  ['a version is not stored', object({}, { resourceVersion: '9' }), { metadata: { name: 'a' } }],
  ['not ASCII', object({}, { labels: { k: 'ä"€' } }), { metadata: { name: 'a', labels: { k: 'ä"€' } } }],
])('%s', (_, o, stored) => {
  const before = structuredClone(o);
  const bytes = encode(o);
  const type = { kind: 'Deployment', apiVersion: 'apps/v1' };
  expect(parsed(bytes)).toEqual({ ...type, ...stored });
  expect(o).toEqual(before);
  const got = parsed(withVersion(bytes, 42)) as { metadata: object };
  expect(got).toEqual({ ...type, ...stored, metadata: { ...got.metadata, resourceVersion: '42' } });
  expect(got.metadata).toMatchObject((stored as { metadata: object }).metadata);
});

test('the type is that of the kind, whatever the object says', () => {
  expect(encodingOf(Pods).encode(object()).toString()).toMatch(/^\{"kind":"Pod","apiVersion":"v1","metadata":\{/);
});

test('bytes somebody else wrote get their version too', () => {
  const foreign = Buffer.from('{"metadata":{"name":"a","resourceVersion":"1"},"kind":"Deployment"}');
  expect(parsed(withVersion(foreign, 7))).toEqual({
    kind: 'Deployment',
    metadata: { name: 'a', resourceVersion: '7' },
  });
});

test('the answer to a write and the cache share their bytes, unless they are of different objects or large', () => {
  const one = encodingOf(Deployments);
  const bytes = encode(object());
  const answer = one.withVersion(bytes, 5);
  expect(one.withVersion(Buffer.from(bytes), 5)).toBe(answer);
  for (const other of [object({ spec: {} }), object({}, { name: 'b' })]) {
    one.withVersion(bytes, 6);
    const stored = encode(other);
    expect(one.withVersion(stored, 6)).toEqual(encodingOf(Deployments).withVersion(stored, 6));
  }
  const large = encode(object({}, { labels: { l: 'x'.repeat(1 << 20) } }));
  expect(one.withVersion(large, 7)).not.toBe(one.withVersion(large, 7));
});
