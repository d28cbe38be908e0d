import { type AnyField, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';

/** The bytes every `application/vnd.kubernetes.protobuf` body starts with. */
export const MAGIC = Buffer.from('k8s\0', 'latin1');

export const MEDIA_TYPE = 'application/vnd.kubernetes.protobuf';

/** Protobuf wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2 } as const;

export type Resolved = Exclude<Schema, { kind: 'lazy' }>;

/** A field of a message. */
export interface WireField {
  readonly name: string;
  readonly field: AnyField;
  readonly schema: Resolved;
}

const byNumber = new WeakMap<ObjectSchema, ReadonlyMap<number, WireField>>();
/** Field number → field, in ascending order; fields without a number are not part of the message. */
export function wireFields(schema: ObjectSchema): ReadonlyMap<number, WireField> {
  let table = byNumber.get(schema);
  if (!table) {
    table = new Map(
      Object.entries(schema.fields)
        .filter(([, field]) => field.num > 0)
        .sort(([, a], [, b]) => a.num - b.num)
        .map(([name, field]) => [field.num, { name, field, schema: resolveLazy(field.schema) }]),
    );
    byNumber.set(schema, table);
  }
  return table;
}
