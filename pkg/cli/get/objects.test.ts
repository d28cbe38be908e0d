import { expect, test } from 'vitest';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { decoded } from './objects.ts';

const secret = (data: Record<string, string>): KubeObject => ({ apiVersion: 'v1', kind: 'Secret', data }) as KubeObject;
const base64 = (bytes: Buffer | string): string => Buffer.from(bytes).toString('base64');

test('a decoded Secret shows text as text and leaves what is none', () => {
  const binary = base64(Buffer.from([0xff, 0xfe, 0]));
  expect(decoded(secret({ user: base64('änn'), key: binary }))).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    data: { key: binary },
    stringData: { user: 'änn' },
  });
});

test('other objects stay as they are', () => {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'YQ==' } } as KubeObject;
  expect(decoded(map)).toBe(map);
});
