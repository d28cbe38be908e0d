import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import { decodeObject } from '../../schema/decode.ts';
import { describeKinds, type KindCase } from '../fixtures.ts';
import { CustomResourceDefinitionSchema, CustomResourceDefinitions } from './customresourcedefinition.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const crd = {
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
const V = 'spec.versions[0].schema.openAPIV3Schema';
/** What all versions share is told of where Kubernetes' internal form has it. */
const SHARED = 'spec.validation.openAPIV3Schema';
const L = `${SHARED}.properties[l]`;
const listed = { type: 'object', required: ['k'], properties: { k: { type: 'string' } } };
const list = (more: object, items: object | null = listed): Record<string, unknown> => ({
  [`${V}.properties`]: {
    l: { type: 'array', items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], ...more },
  },
});
const property = (p: object): Record<string, unknown> => ({ [`${V}.properties`]: { l: p } });
const KEYS = `${L}.x-kubernetes-list-map-keys`;
const columns = (c: object): Record<string, unknown> => ({
  'spec.versions[0].additionalPrinterColumns': [{ name: 'A', type: 'string', jsonPath: '.a', ...c }],
});
const scale = (s: object): Record<string, unknown> => ({
  'spec.versions[0].subresources': { scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n', ...s } },
});

const cases: readonly KindCase[] = [
  [
    'CustomResourceDefinition',
    CustomResourceDefinitions as unknown as Kind,
    crd,
    [
      [{ 'metadata.name': 'x' }, INVALID, 'metadata.name', 'must be spec.names.plural+"."+spec.group'],
      [{ 'spec.group': 'x' }, INVALID, 'spec.group', 'should be a domain with at least one dot'],
      [{ 'spec.scope': 'World' }, UNSUPPORTED, 'spec.scope', '"Cluster", "Namespaced"'],
      [{ 'spec.names.plural': '' }, REQUIRED, 'spec.names.plural', 'Required value'],
      [
        { 'spec.versions[0].storage': false },
        INVALID,
        'spec.versions',
        'must have exactly one version marked as storage version',
      ],
      [{ 'spec.versions[0].schema': undefined }, REQUIRED, V, 'schemas are required'],
      [{ [`${V}.type`]: undefined }, REQUIRED, `${SHARED}.type`, 'must not be empty at the root'],
      [
        { [`${V}.properties`]: { spec: {} } },
        REQUIRED,
        `${SHARED}.properties[spec].type`,
        'must not be empty for specified object fields',
      ],
      [{ [`${V}.properties`]: { l: { type: 'array' } } }, REQUIRED, `${L}.items`, 'must be specified'],
      [{ [`${V}.properties`]: { l: { type: 'list' } } }, UNSUPPORTED, `${L}.type`, '"array"'],
      [{ 'spec.names.singular': 'Thing' }, INVALID, 'spec.names.singular', 'DNS-1035'],
      [{ 'spec.names.kind': 'No_Good' }, INVALID, 'spec.names.kind', 'may have mixed case, but should otherwise match'],
      [{ 'spec.names': {} }, REQUIRED, 'spec.names.listKind', 'Required value'],
      [{ 'spec.preserveUnknownFields': true }, INVALID, 'spec.preserveUnknownFields', 'cannot set to true'],
      [{ 'spec.versions[0].name': 'A_b' }, INVALID, 'spec.version', 'DNS-1035'],
      [{ 'spec.versions': [] }, INVALID, 'status.storedVersions', 'must have at least one stored version'],
      [{ [`${V}.type`]: 'array' }, INVALID, `${SHARED}.type`, 'must be object at the root'],
      [property({ type: 'array', items: {} }), REQUIRED, `${L}.items.type`, 'for specified array items'],
      [
        property({ type: 'object', 'x-kubernetes-map-type': 'x' }),
        UNSUPPORTED,
        `${L}.x-kubernetes-map-type`,
        '"atomic"',
      ],
      [property({ type: 'string', 'x-kubernetes-map-type': 'atomic' }), INVALID, `${L}.type`, 'must be object if'],
      [
        property({ type: 'object', 'x-kubernetes-preserve-unknown-fields': false }),
        INVALID,
        `${L}.x-kubernetes-preserve-unknown-fields`,
        'must be true or undefined',
      ],
      [
        property({ type: 'string', maxLength: 2, default: 'abc' }),
        'FieldValueTooLong',
        `${L}.default`,
        'may not be more than 2',
      ],
      [
        property({ type: 'string', pattern: '^a', default: 'b' }),
        INVALID,
        `${L}.default`,
        'Invalid value: "b":  in body should match \'^a\'',
      ],
      [
        list({ 'x-kubernetes-list-map-keys': ['x'] }),
        INVALID,
        KEYS,
        '["x"]: entries must all be names of item properties',
      ],
      [list({ 'x-kubernetes-list-map-keys': ['k', 'k'] }), INVALID, KEYS, 'must not contain duplicate entries'],
      [list({ 'x-kubernetes-list-map-keys': [] }), REQUIRED, KEYS, 'must not be empty if'],
      [list({ 'x-kubernetes-list-type': undefined }), REQUIRED, `${L}.x-kubernetes-list-type`, 'must be map if'],
      [list({ 'x-kubernetes-list-type': 'set' }), INVALID, `${L}.x-kubernetes-list-type`, 'must be map if'],
      [list({}, null), REQUIRED, `${L}.items`, 'must have a schema if x-kubernetes-list-type is map'],
      [list({}, { type: 'string' }), INVALID, `${L}.items.type`, "must be object if parent array's"],
      [
        list({}, { ...listed, required: [] }),
        REQUIRED,
        `${L}.items.properties[k].default`,
        'must have a default or be a required property',
      ],
      [
        list({}, { ...listed, properties: { k: { type: 'string', nullable: true } } }),
        FORBIDDEN,
        `${L}.items.properties[k].nullable`,
        'cannot be nullable',
      ],
      [
        list({}, { ...listed, properties: { k: { type: 'object' } } }),
        INVALID,
        `${L}.items.properties[k].type`,
        'must be a scalar type',
      ],
      [list({}, { ...listed, nullable: true }), FORBIDDEN, `${L}.items.nullable`, 'x-kubernetes-list-type is map'],
      [
        property({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }),
        INVALID,
        `${L}.items.x-kubernetes-map-type`,
        'must be atomic as item of a list',
      ],
      [
        columns({ format: 'x' }),
        INVALID,
        'spec.additionalPrinterColumns[0].format',
        'must be one of byte,date,date-time',
      ],
      [columns({ type: '' }), REQUIRED, 'spec.additionalPrinterColumns[0].type', 'must be one of boolean,date'],
      [columns({ jsonPath: 'a' }), INVALID, 'spec.additionalPrinterColumns[0].JSONPath', 'must be a simple json path'],
      [scale({ specReplicasPath: '.x' }), INVALID, 'spec.subresources.scale.specReplicasPath', 'under .spec'],
      [scale({ labelSelectorPath: 'x' }), INVALID, 'spec.subresources.scale.labelSelectorPath', 'simple json path'],
      [
        scale({ labelSelectorPath: '.x' }),
        INVALID,
        'spec.subresources.scale.labelSelectorPath',
        'under either .spec or .status',
      ],
      [
        {
          ...columns({}),
          'spec.versions[1]': { ...crd.spec.versions[0], name: 'v2', storage: false, subresources: { scale: {} } },
        },
        REQUIRED,
        'spec.versions[1].subresources.scale.specReplicasPath',
        'Required value',
      ],
    ],
  ],
];

describeKinds(cases);

const decoded = (schema: object): unknown => {
  const spec = { ...crd.spec, versions: [{ name: 'v1', schema: { openAPIV3Schema: schema } }] };
  const { object } = decodeObject(CustomResourceDefinitionSchema, { ...crd, spec });
  return (object as unknown as typeof crd).spec.versions[0]?.schema.openAPIV3Schema;
};

test.each<[object, string]>([
  [
    { items: { required: {} } },
    'cannot unmarshal object into Go struct field JSONSchemaProps.required of type []string',
  ],
  [{ items: [{ type: 5 }] }, 'cannot unmarshal number into Go struct field JSONSchemaProps.type of type string'],
  [
    { additionalProperties: { required: [5] } },
    'cannot unmarshal number into Go struct field JSONSchemaProps.required',
  ],
  [{ additionalProperties: 'x' }, 'boolean or JSON schema expected'],
  [{ additionalItems: 1 }, 'boolean or JSON schema expected'],
  [{ dependencies: { a: [5] } }, 'cannot unmarshal number'],
  [{ properties: { a: { items: { properties: 'x' } } } }, 'cannot unmarshal string into Go struct field'],
])('%j is refused', (schema, message) => {
  expect(() => decoded(schema)).toThrow(message);
});

test('a schema is read as Go reads it', () => {
  const given = {
    items: { properties: { a: null }, nonsense: 1 },
    additionalProperties: true,
    dependencies: { a: ['b'], c: { type: 'string' } },
    not: { items: 'x', additionalProperties: false },
  };
  expect(decoded(given)).toEqual({
    items: { properties: { a: {} } },
    additionalProperties: true,
    dependencies: { a: ['b'], c: { type: 'string' } },
    not: { additionalProperties: false },
  });
});
