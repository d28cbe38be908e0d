import { expect, test } from 'vitest';
import { negotiate } from './accept.ts';

test.each([
  [undefined, 'object', 'json'],
  ['*/*', 'object', 'json'],
  ['application/json, */*', 'object', 'json'],
  [
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    'table',
    'json',
  ],
  ['application/json;as=Unknown;v=v1;g=meta.k8s.io,application/json', 'object', 'json'],
  ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'partial', 'json'],
  ['application/vnd.kubernetes.protobuf,application/json', 'object', 'protobuf'],
  ['application/yaml', 'object', 'yaml'],
])('%s', (accept, view, encoding) => {
  expect(negotiate(accept)).toMatchObject({ view, encoding });
});

test('nothing acceptable is a 406', () => {
  expect(() => negotiate('text/html')).toThrow(/only the following media types/);
});
