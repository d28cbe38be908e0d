import fc from 'fast-check';
import { type ObjectSchema, resolveLazy, type Schema } from './schema.ts';

/** Random values that fit a schema, in canonical form: for property tests only. */
const NAME = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
const MAX_DEPTH = 7;

function leaf(kind: string): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'int32':
      return fc.integer();
    case 'int64':
      return fc.maxSafeInteger();
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => (d === 0 ? 0 : d));
    case 'bool':
      return fc.boolean();
    case 'bytes':
      return fc.uint8Array({ maxLength: 8 }).map((b) => Buffer.from(b).toString('base64'));
    case 'quantity':
      return fc.constantFrom('0', '1', '500m', '1536Mi', '2k', '1e3', '-3');
    case 'time':
      return fc.constantFrom('2026-11-20T10:00:00Z', '1970-01-01T00:00:00Z', '1969-12-31T23:59:59Z');
    case 'microTime':
      return fc.constantFrom('2026-11-20T10:00:00.000001Z', '1970-01-01T00:00:00.000000Z');
    case 'duration':
      return fc.constantFrom('0s', '1m30s', '100ms');
    case 'intOrString':
      return fc.oneof(fc.integer(), fc.constantFrom('25%', 'http', ''));
    case 'raw':
    case 'fieldsV1':
      return fc.constantFrom({ a: 1 }, { 'f:a': { '.': {} } }, {});
    default:
      return fc.string({ maxLength: 6, unit: 'grapheme' });
  }
}

function valueIn(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const s = resolveLazy(schema);
  switch (s.kind) {
    case 'object':
      return depth <= 0 ? fc.constant({}) : objectIn(s, depth);
    case 'array':
      return fc.array(valueIn(s.items, depth - 1), { minLength: 1, maxLength: 2 });
    case 'map':
      return fc.dictionary(fc.oneof(NAME, fc.constant('__proto__')), valueIn(s.values, depth - 1), {
        minKeys: 1,
        maxKeys: 2,
        noNullPrototype: true,
      });
    default:
      return leaf(s.kind);
  }
}

/** What a field that is neither a pointer nor always written would leave out. */
const isZero = (v: unknown): boolean => v === '' || v === 0 || v === false;

function objectIn(schema: ObjectSchema, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  const inlined: fc.Arbitrary<Record<string, unknown>>[] = [];
  for (const [name, field] of Object.entries(schema.fields)) {
    const inner = resolveLazy(field.schema);
    if (field.inline && inner.kind === 'object') inlined.push(objectIn(inner, depth));
    else if (field.num > 0) {
      const value = valueIn(field.schema, depth - 1);
      fields[name] =
        field.required || field.ptr ? value : value.filter((v) => !isZero(v) || inner.kind === 'intOrString');
    }
  }
  const own = fc.record(fields, { requiredKeys: [], noNullPrototype: true });
  return fc.tuple(own, ...inlined).map((parts) => Object.assign({}, ...parts) as Record<string, unknown>);
}

/**
 * Objects of a schema, nested at most a few levels, without apiVersion and kind. No empty lists and maps, which protobuf
 * cannot tell from absent ones.
 */
export const arbitraryOf = (schema: ObjectSchema): fc.Arbitrary<Record<string, unknown>> => objectIn(schema, MAX_DEPTH);
