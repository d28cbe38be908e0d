import { expect, test, vi } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { encodingOf } from '../registry/encoding.ts';
import { decodeEntry } from './entry.ts';

const encoding = encodingOf(ConfigMaps as unknown as Kind);
const maps = { group: '', plural: 'configmaps', apiVersion: 'v1', kind: 'ConfigMap', encoding };
const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'ns' }, data: { x: '}' } };
const shown = { ...map, metadata: { ...map.metadata, resourceVersion: '7' } };

test.each<[string, string | Buffer]>([
  ['as it is stored here', encoding.encode(map as KubeObject)],
  ['in another order', JSON.stringify(map)],
  ['in an older version', JSON.stringify({ ...map, apiVersion: 'v1beta1' })],
  ['without a version', JSON.stringify({ metadata: map.metadata, data: map.data })],
])('an object %s is shown with its revision, in both forms', (_how, stored) => {
  const entry = () => decodeEntry(maps, 'ns/a', Buffer.from(stored), 7);
  expect(entry().object).toEqual(shown);
  expect(JSON.parse(entry().bytes.toString())).toEqual(shown);
  const both = entry();
  expect([JSON.parse(both.bytes.toString()), both.object]).toEqual([shown, shown]);
  const { object } = both;
  expect(both.object).toBe(object);
  both.retire();
  expect(both.object).toEqual(shown);
});

test('metadata with nothing in it is shown with a revision too', () => {
  const stored = Buffer.from('{"kind":"ConfigMap","apiVersion":"v1","metadata":{}}');
  const { object, bytes } = decodeEntry(maps, 'ns/a', stored, 7);
  expect(object.metadata).toEqual({ resourceVersion: '7' });
  expect(JSON.parse(bytes.toString())).toEqual(object);
});

test('what is cut off, or was never an object, is no entry', () => {
  const whole = encoding.encode(map as KubeObject);
  const values = ['', '{', 'x', whole.subarray(0, -2), whole.subarray(0, 60), whole.subarray(0, 49)];
  for (const v of values) expect(() => decodeEntry(maps, 'ns/a', Buffer.from(v), 7)).toThrow(SyntaxError);
});

test('nothing is parsed for those who want the bytes only', () => {
  const stored = encoding.encode(map as KubeObject);
  const parse = vi.spyOn(JSON, 'parse');
  try {
    const entry = decodeEntry(maps, 'ns/a', stored, 7);
    expect(entry.bytes.length).toBeGreaterThan(stored.length);
    expect(parse).not.toHaveBeenCalled();
    expect(entry.object).toEqual(shown);
    expect(parse).toHaveBeenCalledOnce();
  } finally {
    parse.mockRestore();
  }
});
