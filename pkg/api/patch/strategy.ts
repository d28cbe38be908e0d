import { jsonFields } from '../schema/decode.ts';
import { type AnyField, type ArraySchema, resolveLazy, type Schema } from '../schema/schema.ts';

/** What a strategic merge patch says beside its fields ("Update API Objects in Place Using kubectl patch"). */
export const DIRECTIVE = '$patch';
export const DELETE_FROM = '$deleteFromPrimitiveList/';
export const ORDER = '$setElementOrder/';
export const RETAIN = '$retainKeys';

/** What is known of a field of an object with a schema; undefined for fields it does not know. */
export function fieldOf(schema: Schema | undefined, name: string): AnyField | undefined {
  const s = schema && resolveLazy(schema);
  return s?.kind === 'object' ? jsonFields(s)[name] : undefined;
}

/** The schema of a field of an object, or of a value of a map. */
export function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  const s = schema && resolveLazy(schema);
  return s?.kind === 'map' ? s.values : fieldOf(s, name)?.schema;
}

const words = (strategy: string | undefined): readonly string[] => (strategy ?? '').split(',');

/** Items of the list are merged with those that are there; otherwise the list is replaced as a whole. */
export const mergesItems = (s: ArraySchema): boolean => words(s.patchStrategy).includes('merge');

/** Keys a patch does not name are dropped where it changes anything: of several fields only one may be set. */
export const retainsKeys = (of: AnyField | ArraySchema | undefined): boolean =>
  words(of?.patchStrategy).includes('retainKeys');

/** The field is one value: a patch has all of it. */
export function isWhole(field: AnyField | undefined, schema: Schema | undefined): boolean {
  const kind = schema && resolveLazy(schema).kind;
  return kind === 'raw' || kind === 'fieldsV1' || field?.patchStrategy === 'replace';
}
