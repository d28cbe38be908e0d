import type { Kind } from '#api/kind.ts';
import type { JSONSchemaProps } from '#api/kinds/index.ts';
import { ObjectMeta } from '#api/meta/objectmeta.ts';
import { jsonFields } from '#api/schema/decode.ts';
import { type AnyField, type ObjectSchema, resolveLazy, type Schema } from '#api/schema/schema.ts';

import { customDefinition } from './custom.ts';

type Json = Record<string, unknown>;

export const definitionName = (s: ObjectSchema): string => `${s.pkg}.${s.name}`;

const SCALARS: Record<string, Json> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bool: { type: 'boolean' },
  duration: { type: 'string' },
  raw: { type: 'object' },
};

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
interface NamedScalar {
  readonly name: string;
  readonly description: string;
  readonly v2: Json;
  /** Where version 3 can say more. */
  readonly v3?: Json;
}
/** Scalars that have a type of their own in Go, by whose name clients tell what a field takes. */
const NAMED: Readonly<Record<string, NamedScalar>> = {
  quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    description: 'A number with a unit: 500m, 2, 1.5G or 64Mi, for example.',
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  intOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    description: 'A whole number, or a text: a name or a percentage.',
    v2: { type: 'string', format: 'int-or-string' },
    v3: { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
  },
  time: {
    name: `${META}.Time`,
    description: 'A moment, to the second (RFC 3339).',
    v2: { type: 'string', format: 'date-time' },
  },
  microTime: {
    name: `${META}.MicroTime`,
    description: 'A moment, to the microsecond (RFC 3339).',
    v2: { type: 'string', format: 'date-time' },
  },
  fieldsV1: {
    name: `${META}.FieldsV1`,
    description: 'A set of fields, as a tree of path elements.',
    v2: { type: 'object' },
  },
};

/** The two dialects differ in where references point and in how "integer or string" is said. */
export interface Dialect {
  readonly refPrefix: string;
  readonly v3: boolean;
}
export const V2: Dialect = { refPrefix: '#/definitions/', v3: false };
export const V3: Dialect = { refPrefix: '#/components/schemas/', v3: true };

/** Collects the definitions that kinds need, each once. */
export class Definitions {
  readonly #dialect: Dialect;
  readonly all: Record<string, Json> = {};

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  #schema(schema: Schema): Json {
    const s = resolveLazy(schema);
    switch (s.kind) {
      case 'object':
        return { $ref: this.#dialect.refPrefix + this.add(s) };
      case 'array':
        return { type: 'array', items: this.#item(s.items) };
      case 'map':
        return { type: 'object', additionalProperties: this.#item(s.values) };
      default: {
        const named = NAMED[s.kind];
        if (named) return { $ref: this.#dialect.refPrefix + this.#addScalar(named) };
        const plain = { ...SCALARS[s.kind] };
        if (s.kind === 'string' && 'enum' in s && s.enum) plain.enum = s.enum;
        return plain;
      }
    }
  }

  #item(schema: Schema): Json {
    const inner = this.#schema(schema);
    // A reference with siblings is only understood inside allOf in version 3.
    return this.#dialect.v3 && resolveLazy(schema).kind === 'object' ? { allOf: [inner], default: {} } : inner;
  }

  #addScalar({ name, description, v2, v3 = v2 }: NamedScalar): string {
    this.all[name] ??= { description, ...(this.#dialect.v3 ? v3 : v2) };
    return name;
  }

  #property(field: AnyField): Json {
    const inner = this.#schema(field.schema);
    const base: Json = this.#dialect.v3 && '$ref' in inner ? { allOf: [inner] } : inner;
    return {
      ...base,
      description: field.doc,
      ...(field.default === undefined ? {} : { default: field.default }),
      ...extensions(field),
    };
  }

  add(schema: ObjectSchema): string {
    const name = definitionName(schema);
    if (this.all[name]) return name;
    const definition: Json = { description: schema.doc, type: 'object' };
    this.all[name] = definition;
    const properties: Json = {};
    const required: string[] = [];
    for (const [key, field] of Object.entries(jsonFields(schema))) {
      properties[key] = this.#property(field);
      // An optional pointer is written as null in Go, but nobody has to send it.
      if (field.required && !field.ptr) required.push(key);
    }
    if (required.length > 0) definition.required = required;
    definition.properties = properties;
    if (schema.structType) definition['x-kubernetes-map-type'] = schema.structType;
    return name;
  }

  #reference(name: string): Json {
    const ref = { $ref: this.#dialect.refPrefix + name };
    return this.#dialect.v3 ? { allOf: [ref], default: {} } : ref;
  }

  #addCustom(kind: Kind, schema: JSONSchemaProps): string {
    const name = definitionName(kind.schema);
    const { default: _d, ...metadata } = this.#reference(this.add(ObjectMeta));
    const described = { ...metadata, description: 'Standard object metadata.' };
    this.all[name] = customDefinition(schema, this.#dialect.v3 ? described : metadata, this.#dialect.v3);
    return name;
  }

  /** A top-level kind and its list. */
  addKind(kind: Kind): { object: string; list: string } {
    const { group, version } = kind;
    const object = kind.openApi ? this.#addCustom(kind, kind.openApi) : this.add(kind.schema);
    const definition = this.all[object] as Json;
    definition['x-kubernetes-group-version-kind'] = [{ group, kind: kind.kind, version }];
    const list = `${object}List`;
    this.all[list] ??= {
      description: `A list of ${kind.plural}.`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string', description: 'Version of this representation.' },
        kind: { type: 'string', description: `${kind.kind}List.` },
        metadata: { type: 'object', description: 'Version of the list, and how to go on reading it.' },
        items: { type: 'array', items: this.#reference(object), description: 'The objects.' },
      },
      'x-kubernetes-group-version-kind': [{ group, kind: `${kind.kind}List`, version }],
    };
    return { object, list };
  }
}

function extensions(field: AnyField): Json {
  const s = resolveLazy(field.schema);
  const x: Json = {};
  if (s.kind === 'array') {
    x['x-kubernetes-list-type'] = s.listType ?? 'atomic';
    if (s.mapKeys) x['x-kubernetes-list-map-keys'] = s.mapKeys;
    if (s.mergeKey) x['x-kubernetes-patch-merge-key'] = s.mergeKey;
    if (s.patchStrategy) x['x-kubernetes-patch-strategy'] = s.patchStrategy;
  }
  if (field.patchStrategy) x['x-kubernetes-patch-strategy'] = field.patchStrategy;
  return x;
}
