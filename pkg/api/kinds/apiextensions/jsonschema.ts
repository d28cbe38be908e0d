import { errors } from '../../meta/errors.ts';
import {
  arr,
  bool,
  double,
  f,
  int64,
  lazy,
  map,
  type ObjectSchema,
  objectsIn,
  raw,
  req,
  type Schema,
  str,
  type Typed,
  type TypeOf,
} from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1');

export const ExternalDocumentation = obj('ExternalDocumentation', 'Documentation elsewhere.', {
  description: f(1, str, 'What it is.'),
  url: f(2, str, 'Where it is.'),
});

export const ValidationRule = obj('ValidationRule', 'An expression values must satisfy.', {
  rule: req(1, str, 'The expression, CEL.'),
  message: f(2, str, 'What is said when it is false.'),
  messageExpression: f(3, str, 'An expression for the message.'),
  reason: f(4, str, 'Reason of the refusal.', { ptr: true }),
  fieldPath: f(5, str, 'Field the refusal names.'),
  optionalOldSelf: f(6, bool, 'The expression also holds for new values.', { ptr: true }),
});
export type ValidationRule = TypeOf<typeof ValidationRule>;

/** A structural schema (OpenAPI v3 with Kubernetes extensions). Written out because it contains itself. */
export interface JSONSchemaProps {
  id?: string;
  $schema?: string;
  $ref?: string;
  description?: string;
  type?: string;
  format?: string;
  title?: string;
  default?: unknown;
  maximum?: number;
  exclusiveMaximum?: boolean;
  minimum?: number;
  exclusiveMinimum?: boolean;
  maxLength?: number;
  minLength?: number;
  pattern?: string;
  maxItems?: number;
  minItems?: number;
  uniqueItems?: boolean;
  multipleOf?: number;
  enum?: unknown[];
  maxProperties?: number;
  minProperties?: number;
  required?: string[];
  items?: JSONSchemaProps | JSONSchemaProps[];
  allOf?: JSONSchemaProps[];
  oneOf?: JSONSchemaProps[];
  anyOf?: JSONSchemaProps[];
  not?: JSONSchemaProps;
  properties?: Record<string, JSONSchemaProps>;
  additionalProperties?: JSONSchemaProps | boolean;
  patternProperties?: Record<string, JSONSchemaProps>;
  dependencies?: Record<string, JSONSchemaProps | string[]>;
  additionalItems?: JSONSchemaProps | boolean;
  definitions?: Record<string, JSONSchemaProps>;
  externalDocs?: TypeOf<typeof ExternalDocumentation>;
  example?: unknown;
  nullable?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: ValidationRule[];
}

const self = lazy<JSONSchemaProps>((): Schema => JSONSchemaProps);
/** Any JSON value, under the type it has once checked. */
const json = <T>() => lazy<T>(() => raw);

const isObject = (v: unknown): boolean => typeof v === 'object' && v !== null && !Array.isArray(v);

/** A schema, or what else Go's decoder takes in its place. */
const schemaOr = <T>(other: (v: unknown) => Schema | undefined) => {
  const either: Schema = { kind: 'raw', read: (v) => (isObject(v) ? JSONSchemaProps : other(v)) };
  return lazy<JSONSchemaProps | T>(() => either);
};
const orList = schemaOr<JSONSchemaProps[]>((v) => (Array.isArray(v) ? arr(self) : undefined));
const orNames = schemaOr<string[]>((v) => (Array.isArray(v) ? arr(str) : undefined));
const orTruth = schemaOr<boolean>((v) => {
  if (typeof v !== 'boolean') throw errors.badRequest('boolean or JSON schema expected');
  return bool;
});

export const JSONSchemaProps: ObjectSchema & Typed<JSONSchemaProps> = obj('JSONSchemaProps', 'A JSON schema.', {
  id: f(1, str, 'Identifies the schema.'),
  $schema: f(2, str, 'Dialect of the schema.'),
  $ref: f(3, str, 'A schema elsewhere; not supported.', { ptr: true }),
  description: f(4, str, 'What the value is.'),
  type: f(5, str, 'Type of the value.'),
  format: f(6, str, 'Format of the value.'),
  title: f(7, str, 'Short description.'),
  default: f(8, json<unknown>(), 'Value when absent.'),
  maximum: f(9, double, 'Upper bound.', { ptr: true }),
  exclusiveMaximum: f(10, bool, 'The upper bound itself is out.'),
  minimum: f(11, double, 'Lower bound.', { ptr: true }),
  exclusiveMinimum: f(12, bool, 'The lower bound itself is out.'),
  maxLength: f(13, int64, 'Most characters.', { ptr: true }),
  minLength: f(14, int64, 'Fewest characters.', { ptr: true }),
  pattern: f(15, str, 'Regular expression the text must match.'),
  maxItems: f(16, int64, 'Most items.', { ptr: true }),
  minItems: f(17, int64, 'Fewest items.', { ptr: true }),
  uniqueItems: f(18, bool, 'No two items may be equal.'),
  multipleOf: f(19, double, 'The number must be a multiple of this.', { ptr: true }),
  enum: f(20, arr(json<unknown>()), 'Allowed values.'),
  maxProperties: f(21, int64, 'Most properties.', { ptr: true }),
  minProperties: f(22, int64, 'Fewest properties.', { ptr: true }),
  required: f(23, arr(str), 'Properties that must be there.'),
  items: f(24, orList, 'Schema of the items.'),
  allOf: f(25, arr(self), 'Schemas that must all hold.'),
  oneOf: f(26, arr(self), 'Schemas of which exactly one must hold.'),
  anyOf: f(27, arr(self), 'Schemas of which at least one must hold.'),
  not: f(28, self, 'A schema that must not hold.'),
  properties: f(29, map(self), 'Schemas of the properties.'),
  additionalProperties: f(30, orTruth, 'Schema of all other properties.'),
  patternProperties: f(31, map(self), 'Schemas of properties by pattern.'),
  dependencies: f(32, map(orNames), 'What properties ask for.'),
  additionalItems: f(33, orTruth, 'Schema of all other items.'),
  definitions: f(34, map(self), 'Schemas to refer to.'),
  externalDocs: f(35, ExternalDocumentation, 'Documentation elsewhere.'),
  example: f(36, json<unknown>(), 'An example.'),
  nullable: f(37, bool, 'The value may be null.'),
  'x-kubernetes-preserve-unknown-fields': f(38, bool, 'Unknown fields are kept.', { ptr: true }),
  'x-kubernetes-embedded-resource': f(39, bool, 'The value is an API object.'),
  'x-kubernetes-int-or-string': f(40, bool, 'The value is a number or text.'),
  'x-kubernetes-list-map-keys': f(41, arr(str, { listType: 'atomic' }), 'Keys of a map list.'),
  'x-kubernetes-list-type': f(42, str, 'atomic, set or map.', { ptr: true }),
  'x-kubernetes-map-type': f(43, str, 'granular or atomic.', { ptr: true }),
  'x-kubernetes-validations': f(
    44,
    arr(ValidationRule, { listType: 'map', mapKeys: ['rule'], mergeKey: 'rule', patchStrategy: 'merge' }),
    'Expressions values must satisfy.',
  ),
});
