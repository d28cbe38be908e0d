import { expect, test } from 'vitest';
import { validateDefinition } from './crd-validation.ts';
import type { CustomResourceDefinition } from './customresourcedefinition.ts';
import type { JSONSchemaProps } from './jsonschema.ts';
import { validateStructure } from './jsonschema-validation.ts';

const object = (properties: Record<string, unknown>, more: object = {}): JSONSchemaProps =>
  ({ type: 'object', properties, ...more }) as JSONSchemaProps;
const number = { type: 'integer' };
const text = { type: 'string' };
const problems = (s: JSONSchemaProps): string[] => validateStructure('s', s).map((e) => `${e.field}: ${e.message}`);
const EITHER = [number, text];

test.each<[string, JSONSchemaProps, string]>([
  [
    'a type in a branch',
    object({ a: { ...number, anyOf: [{ type: 'integer' }] } }),
    's.properties[a].anyOf[0].type: Forbidden: must be empty to be structural',
  ],
  [
    'a default in a branch',
    object({ a: number }, { not: { properties: { a: { default: 1 } } } }),
    's.not.properties[a].default: Forbidden: must be undefined to be structural',
  ],
  [
    'a null in a branch',
    object({ a: { ...text, oneOf: [{ nullable: true }] } }),
    's.properties[a].oneOf[0].nullable: Forbidden: must be false to be structural',
  ],
  [
    'a type beside a number or text',
    object({ a: { 'x-kubernetes-int-or-string': true, oneOf: EITHER } }),
    's.properties[a].oneOf[0].type: Forbidden',
  ],
  [
    'what is not declared',
    object({ a: number }, { allOf: [{ properties: { b: { minimum: 1 } } }] }),
    's.properties[b]: Required value: because it is defined in s.allOf[0].properties[b]',
  ],
  [
    'items that are not declared',
    object({ a: { ...object({}), anyOf: [{ items: { minimum: 1 } }] } }),
    's.properties[a].items: Required value: because',
  ],
  [
    'labels',
    object({ metadata: object({ labels: object({}) }) }),
    's.properties[metadata]: Forbidden: must not specify anything other than name',
  ],
  [
    'a kind that is no text',
    object({ kind: number }),
    's.properties[kind].type: Invalid value: "integer": must be string',
  ],
  ['a default of another type', object({ a: { ...number, default: 'x' } }), 's.properties[a].default: Invalid value'],
  [
    'a default with more in it',
    object({ a: { ...object({ b: number }), default: { c: 1 } } }),
    's.properties[a].default: Invalid value: {"c":1}: must not have unknown fields: unknown field "c"',
  ],
])('%s is refused', (_what, schema, problem) => {
  expect(problems(schema).join('\n')).toContain(problem);
});

test.each<[string, JSONSchemaProps]>([
  [
    'branches that only restrict',
    object({ a: number, b: text }, { oneOf: [{ required: ['a'] }, { required: ['b'] }] }),
  ],
  [
    'branches into what is declared',
    object({ a: { type: 'array', items: number } }, { anyOf: [{ properties: { a: { items: { minimum: 1 } } } }] }),
  ],
  ['a number or text', object({ a: { 'x-kubernetes-int-or-string': true, anyOf: EITHER } })],
  [
    'a number or text of a pattern',
    object({ a: { 'x-kubernetes-int-or-string': true, allOf: [{ anyOf: EITHER }, { pattern: 'x' }] } }),
  ],
  ['names', object({ metadata: object({ name: { ...text, maxLength: 5 } }), kind: text, apiVersion: text })],
  [
    'a default that others complete',
    object({ a: { ...object({ b: { ...number, default: 1 } }), required: ['b'], default: {} } }),
  ],
])('%s: fine', (_what, schema) => {
  expect(problems(schema)).toEqual([]);
});

test.each<[string, string | undefined, string | undefined, string]>([
  ['x.k8s.io', undefined, undefined, 'Required value: protected groups must have approval annotation'],
  ['kubernetes.io', 'because', undefined, 'with either a URL or a reason starting with "unapproved"'],
  ['x.k8s.io', 'https://github.com/kubernetes/kubernetes/pull/1', undefined, ''],
  ['x.k8s.io', 'unapproved, an experiment', undefined, ''],
  ['k8s.example', undefined, undefined, ''],
  ['myk8s.io', undefined, undefined, ''],
  // What was there without approval can be changed.
  ['x.k8s.io', undefined, '', ''],
])('a definition in %s approved by %s', (group, approval, before, problem) => {
  const made = (value: string | undefined) =>
    ({
      metadata: { name: `things.${group}`, annotations: value ? { 'api-approved.kubernetes.io': value } : {} },
      spec: {
        group,
        scope: 'Cluster',
        names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    }) as unknown as CustomResourceDefinition;
  const found = validateDefinition(made(approval), before === undefined ? undefined : made(before));
  if (problem) expect(found.map((e) => e.message).join()).toContain(problem);
  else expect(found).toEqual([]);
});
