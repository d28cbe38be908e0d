import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { builtinKinds } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { openApiV3 } from './documents.ts';
import { encodeOpenApiV3 } from './v3-protobuf.ts';

/** What is used of gnostic's published OpenAPIv3.proto. */
const PROTO = `syntax = "proto3";
message Any { string yaml = 2; }
message NamedAny { string name = 1; Any value = 2; }
message Document { string openapi = 1; Info info = 2; Paths paths = 4; Components components = 5; }
message Info { string title = 1; string description = 2; string version = 6; }
message Paths { repeated NamedPathItem path = 1; }
message NamedPathItem { string name = 1; PathItem value = 2; }
message PathItem {
  Operation get = 4; Operation put = 5; Operation post = 6; Operation delete = 7; Operation patch = 10;
  repeated ParameterOrReference parameters = 13;
}
message Operation {
  string operation_id = 5; repeated ParameterOrReference parameters = 6; RequestBodyOrReference request_body = 7;
  Responses responses = 8; repeated NamedAny specification_extension = 13;
}
message ParameterOrReference { Parameter parameter = 1; Reference reference = 2; }
message Parameter { string name = 1; string in = 2; bool required = 4; SchemaOrReference schema = 10; }
message RequestBodyOrReference { RequestBody request_body = 1; Reference reference = 2; }
message RequestBody { string description = 1; MediaTypes content = 2; bool required = 3; }
message MediaTypes { repeated NamedMediaType additional_properties = 1; }
message NamedMediaType { string name = 1; MediaType value = 2; }
message MediaType { SchemaOrReference schema = 1; }
message Responses { ResponseOrReference default = 1; repeated NamedResponseOrReference response_or_reference = 2; }
message NamedResponseOrReference { string name = 1; ResponseOrReference value = 2; }
message ResponseOrReference { Response response = 1; Reference reference = 2; }
message Response { string description = 1; MediaTypes content = 3; }
message Components { SchemasOrReferences schemas = 1; }
message SchemasOrReferences { repeated NamedSchemaOrReference additional_properties = 1; }
message NamedSchemaOrReference { string name = 1; SchemaOrReference value = 2; }
message SchemaOrReference { Schema schema = 1; Reference reference = 2; }
message Reference { string _ref = 1; }
message AdditionalPropertiesItem { SchemaOrReference schema_or_reference = 1; oneof o { bool boolean = 2; } }
message ItemsItem { repeated SchemaOrReference schema_or_reference = 1; }
message DefaultType { oneof o { double number = 1; bool boolean = 2; string string = 3; } }
message Schema {
  bool nullable = 1; string title = 9; double multiple_of = 10; double maximum = 11; bool exclusive_maximum = 12;
  double minimum = 13; bool exclusive_minimum = 14; int64 max_length = 15; int64 min_length = 16; string pattern = 17;
  int64 max_items = 18; int64 min_items = 19; bool unique_items = 20; int64 max_properties = 21; int64 min_properties = 22;
  repeated string required = 23; repeated Any enum = 24; string type = 25; repeated SchemaOrReference all_of = 26;
  repeated SchemaOrReference one_of = 27; repeated SchemaOrReference any_of = 28; Schema not = 29; ItemsItem items = 30;
  SchemasOrReferences properties = 31; AdditionalPropertiesItem additional_properties = 32; DefaultType default = 33;
  string description = 34; string format = 35; repeated NamedAny specification_extension = 36;
}`;
const DOCUMENT = protobuf.parse(PROTO).root.lookupType('Document');

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

const isEmpty = (v: unknown): boolean => Array.isArray(v) && v.length === 0;

/** The JSON that a decoded message stands for: without the messages that only unions and maps need. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  // Numbers of 64 bits are objects.
  if (isObject(value) && 'unsigned' in value) return Number(value);
  if (!(value instanceof protobuf.Message)) return value;
  const type = value.$type.name;
  const fields: Json = { ...value };
  const set = Object.values(fields);
  if (type === 'Any') return JSON.parse(fields.yaml as string);
  if (/OrReference$|^AdditionalPropertiesItem$|^DefaultType$/.test(type)) return plain(set[0]);
  if (type === 'ItemsItem') return plain((set[0] as unknown[])[0]);
  if (['Paths', 'MediaTypes', 'Responses', 'SchemasOrReferences'].includes(type)) return named(set[0]);
  const { specificationExtension = [], _ref, ...others } = fields;
  const properties = Object.entries(others)
    .filter(([, v]) => !isEmpty(v))
    .map(([k, v]) => [k, plain(v)]);
  return {
    ...Object.fromEntries(properties),
    ...named(specificationExtension),
    ...(_ref === undefined ? {} : { $ref: _ref }),
  };
}
const named = (entries: unknown): Json =>
  Object.fromEntries((entries as { name: string; value: unknown }[]).map(({ name, value }) => [name, plain(value)]));

const decoded = (document: object): unknown => plain(DOCUMENT.decode(encodeOpenApiV3(document)));

/** Without what the binary form has no place for: empty lists, and default objects. */
const sayable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sayable);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([k, v]) => !isEmpty(v) && !(k === 'default' && sameJson(v, {})));
  return Object.fromEntries(kept.map(([k, v]) => [k, sayable(v)]));
};

test.each([...new Set(builtinKinds.map((k) => `${k.group}/${k.version}`))])(
  '%s says in binary what it says in JSON',
  (gv) => {
    const document = openApiV3(builtinKinds.filter((k) => `${k.group}/${k.version}` === gv));
    expect(decoded(document)).toEqual(JSON.parse(JSON.stringify(sayable(document))));
  },
);

test('what only schemas of custom resources say', () => {
  const schema = {
    type: 'object',
    nullable: true,
    title: 't',
    maxProperties: 3,
    minProperties: 1,
    not: { required: ['x'] },
    anyOf: [{ required: ['a'] }, { required: ['b'] }],
    properties: {
      a: { type: 'number', maximum: 1.5, exclusiveMaximum: true, minimum: -1, multipleOf: 0.5, default: 0 },
      b: { type: 'string', maxLength: 5, minLength: 2, pattern: '^a', enum: ['ab', 'ac'], default: '' },
      c: { type: 'array', maxItems: 4, minItems: 1, uniqueItems: true, items: { type: 'boolean', default: false } },
      d: { type: 'object', additionalProperties: { type: 'integer' } },
      e: { type: 'object', additionalProperties: false },
      f: { 'x-kubernetes-preserve-unknown-fields': true, 'x-kubernetes-validations': [{ rule: 'self > 0' }] },
    },
  };
  expect(decoded({ openapi: '3.0.0', components: { schemas: { A: schema } } })).toMatchObject({
    components: { schemas: { A: schema } },
  });
});
