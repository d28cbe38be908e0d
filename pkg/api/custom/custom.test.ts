import { describe, expect, test } from 'vitest';
import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { fieldErrorText } from '../meta/fielderrors.ts';
import { customKind } from './kind.ts';
import { compilePath } from './path.ts';
import { fillDefaults, pruned } from './structural.ts';
import { validateValue } from './validate.ts';

const o = {
  spec: {
    a: 1,
    list: [
      { n: 'x', v: 1 },
      { n: 'y', v: 2 },
    ],
    'dotted.name': 'd',
  },
};

test.each<[string, unknown[]]>([
  ['.spec.a', [1]],
  ['$.spec.a', [1]],
  ['{.spec.a}', [1]],
  ['.spec.list[1].v', [2]],
  ['.spec.list[*].n', ['x', 'y']],
  ['.spec.list[?(@.n=="y")].v', [2]],
  [".spec.list[?(@.n=='z')].v", []],
  ['.spec.dotted\\.name', ['d']],
  [".spec['dotted.name']", ['d']],
  ['.spec.none.deeper', []],
])('path %s', (path, want) => {
  expect(compilePath(path)?.(o)).toEqual(want);
});

test('a path that is none', () => {
  expect(compilePath('spec[')).toBeUndefined();
});

describe('structural schemas', () => {
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: {
      kept: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { x: { type: 'integer', default: 7 } } },
      },
      open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { p: { type: 'object' } } },
      embedded: { type: 'object', 'x-kubernetes-embedded-resource': true },
    },
  };

  test('what is not known is left out and named', () => {
    const unknown: string[] = [];
    const value = { kept: { a: { x: 1, y: 2 } }, open: { q: 1, p: { r: 1 } }, embedded: { kind: 'K', z: 1 }, no: 1 };
    expect(pruned(schema, value, '', unknown)).toEqual({
      kept: { a: { x: 1 } },
      open: { q: 1, p: {} },
      embedded: { kind: 'K' },
    });
    expect(unknown).toEqual(['kept.a.y', 'open.p.r', 'embedded.z', 'no'].map((f) => `unknown field "${f}"`));
  });

  test('keys that mean something to JavaScript are keys like others', () => {
    const map: JSONSchemaProps = { type: 'object', additionalProperties: { type: 'string' } };
    const value = JSON.parse('{"__proto__":"a","constructor":"b"}');
    expect(JSON.stringify(pruned(map, value, '', []))).toBe('{"__proto__":"a","constructor":"b"}');
    expect(pruned({ type: 'object', properties: {} }, value, '', [])).toEqual({});
  });

  test('defaults are filled in where there is room', () => {
    const value = { kept: { a: {}, b: { x: 1 } } };
    fillDefaults(schema, value);
    expect(value).toEqual({ kept: { a: { x: 7 }, b: { x: 1 } } });
  });
});

test.each<[string, JSONSchemaProps, unknown, string[]]>([
  ['number for integer', { type: 'integer' }, 1.5, ['f in body must be of type integer: "number"']],
  ['integer for number', { type: 'number' }, 1, []],
  ['nullable', { type: 'string', nullable: true }, null, []],
  ['exclusive', { type: 'integer', maximum: 3, exclusiveMaximum: true }, 3, ['should be less than 3']],
  ['multiple', { type: 'integer', multipleOf: 2 }, 3, ['should be a multiple of 2']],
  ['characters, not bytes', { type: 'string', maxLength: 2 }, 'äö', []],
  ['format', { type: 'string', format: 'date-time' }, 'soon', ['must be of type date-time: "soon"']],
  ['unknown format', { type: 'string', format: 'colour' }, 'x', []],
  [
    'items',
    { type: 'array', maxItems: 1, items: { type: 'string' } },
    ['a', 1],
    ['must have at most 1 items', 'f[1] in body'],
  ],
  [
    'anyOf',
    { anyOf: [{ required: ['a'] }, { required: ['b'] }], type: 'object' },
    {},
    ['"f" must validate at least one schema (anyOf)'],
  ],
  ['oneOf', { oneOf: [{ minimum: 1 }, { minimum: 2 }], type: 'integer' }, 5, ['Found 2 valid alternatives']],
  ['not', { not: { enum: ['x'] }, type: 'string' }, 'x', ['must not validate the schema (not)']],
  [
    'embedded',
    { type: 'object', 'x-kubernetes-embedded-resource': true },
    { kind: 'K' },
    ['f.apiVersion: Required value'],
  ],
])('%s', (_name, schema, value, words) => {
  const texts = validateValue(schema, value, 'f').map(fieldErrorText);
  expect(texts).toHaveLength(words.length);
  for (const [i, w] of words.entries()) expect(texts[i]).toContain(w);
});

const RATCHETED: JSONSchemaProps = {
  type: 'object',
  required: ['must'],
  properties: {
    word: { type: 'string', enum: ['a'], maxLength: 2 },
    count: { type: 'integer', maximum: 3 },
    list: { type: 'array', maxItems: 1, items: { type: 'integer', minimum: 5 } },
    keyed: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer', maximum: 1 } } },
    },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    either: { type: 'integer', anyOf: [{ maximum: 1 }, { minimum: 9 }] },
  },
};

test.each<[string, object, object, string[]]>([
  ['what stays as it was', { word: 'bcd', count: 9 }, {}, []],
  ['what changes', { word: 'bcd', count: 9 }, { word: 'bce' }, ['f.word', 'f.word']],
  ['a list that stays', { list: [1, 2] }, { word: 'a' }, []],
  ['a list that changes', { list: [1, 2] }, { list: [1, 2, 9] }, ['f.list', 'f.list[0]', 'f.list[1]']],
  [
    'one of those with keys',
    { keyed: [{ k: 'x', v: 7 }] },
    {
      keyed: [
        { k: 'y', v: 0 },
        { k: 'x', v: 7 },
      ],
    },
    [],
  ],
  ['another of those with keys', { keyed: [{ k: 'x', v: 7 }] }, { keyed: [{ k: 'y', v: 7 }] }, ['f.keyed[0].v']],
  ['what is twice in a set', { set: ['a', 'a'] }, {}, ['f.set[1]']],
  ['what schemas are combined for', { either: 5 }, {}, ['f.either']],
  ['what must be there', { must: undefined }, {}, ['f.must']],
])('an update: %s', (_what, before, change, fields) => {
  const old = { must: 1, ...before };
  const now = { ...old, ...change };
  expect(validateValue(RATCHETED, now, 'f', old).map((e) => e.field)).toEqual(fields);
});

test('a version that should not be used any more says so', () => {
  const names = { plural: 'boats', kind: 'Boat' };
  const version = { name: 'v0', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } };
  const of = (more: object): string | undefined => {
    const v = { ...version, ...more };
    return customKind({ spec: { group: 'sea.io', scope: 'Namespaced', names, versions: [v] } }, v)?.deprecated;
  };
  expect(of({})).toBeUndefined();
  expect(of({ deprecated: true })).toBe('sea.io/v0 Boat is deprecated');
  expect(of({ deprecated: true, deprecationWarning: 'sunk' })).toBe('sunk');
});

test('a kind lets pass what its definition has come to forbid since', () => {
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: RATCHETED } };
  const names = { plural: 'things', kind: 'Thing' };
  const crd = { spec: { group: 'x.io', names, scope: 'Cluster', versions: [version] } };
  const kind = customKind(crd as never, version as never);
  const old = { metadata: { name: 'a' }, must: 1, word: 'bcd' };
  const fields = (now: object, before?: object) => kind?.validate?.(now, before).map((e) => e.field);
  expect(fields({ ...old, count: 1 }, old)).toEqual([]);
  expect(fields(old)).toEqual(['word', 'word']);
});

test('values that are not listed are told in the order of the list', () => {
  const found = validateValue({ type: 'string', enum: ['z', 'a'] }, 'x', 'spec.f');
  expect(found.map(fieldErrorText)).toEqual(['spec.f: Unsupported value: "x": supported values: "z", "a"']);
});
