import { expect, test } from 'vitest';
import { mergeOpenApiV2 } from './merge.ts';

const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
const here = {
  swagger: '2.0',
  paths: { '/api/v1/pods': { get: ref('Pod') } },
  definitions: { Pod: { properties: { meta: ref('Meta') } }, Meta: { type: 'object' }, Time: { type: 'string' } },
};

test('paths of the version, with the definitions they need', () => {
  const other = {
    paths: { '/apis/flags/v1/flags': { get: ref('Flag') }, '/apis/flags/v2/flags': { get: ref('Other') } },
    definitions: {
      Flag: { properties: { meta: ref('Meta'), again: ref('Flag'), at: ref('Time') } },
      Meta: { type: 'object' },
      Time: { type: 'string' },
      Other: {},
    },
  };
  expect(mergeOpenApiV2(here, other, '/apis/flags/v1/')).toEqual({
    swagger: '2.0',
    paths: { ...here.paths, '/apis/flags/v1/flags': { get: ref('Flag') } },
    definitions: { ...here.definitions, Flag: other.definitions.Flag },
  });
});

test('what means something else has another name, everywhere', () => {
  const other = {
    paths: { '/apis/flags/v1/flags': { get: ref('Flag') } },
    definitions: { Flag: { properties: { meta: ref('Meta') } }, Meta: { type: 'object', extra: true } },
  };
  const merged = mergeOpenApiV2(here, other, '/apis/flags/v1/');
  expect(merged.definitions).toEqual({
    ...here.definitions,
    Flag: { properties: { meta: ref('Meta_v2') } },
    Meta_v2: { type: 'object', extra: true },
  });
  expect(
    mergeOpenApiV2(merged, { ...other, definitions: { ...other.definitions, Meta: {} } }, '/apis/flags/v1/')
      .definitions,
  ).toMatchObject({
    Meta_v3: {},
    Flag_v2: { properties: { meta: ref('Meta_v3') } },
  });
});

test('a document that is none adds nothing', () => {
  expect(mergeOpenApiV2(here, {}, '/apis/flags/v1/')).toEqual(here);
});
