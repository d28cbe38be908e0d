import type { AnyField, ObjectSchema } from '../schema/schema.ts';

/**
 * Go's embedded struct: its JSON fields lie in the parent, its protobuf message is field `num` of the parent.
 * Spread the result into the parent's fields. At run time that is one entry with `inline: true`, keyed by the
 * type's name; to the type system it is the embedded fields themselves, which is what the JSON shows.
 */
export function embed<F extends Record<string, AnyField>>(
  num: number,
  schema: ObjectSchema & { readonly fields: F },
): F {
  const field: AnyField = { num, schema, doc: '', required: false, inline: true };
  return { [schema.name]: field } as Record<string, AnyField> as F;
}
