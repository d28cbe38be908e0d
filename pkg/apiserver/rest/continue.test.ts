import { expect, test } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { decodeContinue, encodeContinue } from './continue.ts';

const encoded = (o: unknown): string => Buffer.from(JSON.stringify(o)).toString('base64url');

test.each([
  [{ revision: 1, after: 'ns/pod' }],
  [{ revision: 2 ** 40, after: '' }],
  [{ revision: 7, after: 'ns/näme' }],
])('%o survives', (token) => {
  const text = encodeContinue(token);
  expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(decodeContinue(text)).toEqual(token);
});

test.each([
  [''],
  ['garbage'],
  [encoded(null)],
  [encoded({ v: 'meta.k8s.io/v2', rv: 1, start: 'a' })],
  [encoded({ v: 'meta.k8s.io/v1', rv: '1', start: 'a' })],
  [encoded({ v: 'meta.k8s.io/v1', rv: 1.5, start: 'a' })],
  [encoded({ v: 'meta.k8s.io/v1', rv: 1 })],
])('"%s" is refused', (text) => {
  const attempt = (): unknown => decodeContinue(text);
  expect(attempt).toThrow(StatusError);
  expect(attempt).toThrow('continue key is not valid');
});
