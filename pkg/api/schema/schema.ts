/**
 * The schema language every kind is declared in.
 *
 * A schema value carries three things at once: the JSON shape, the protobuf
 * field numbers, and (as a phantom type) the TypeScript type. Defaulting,
 * strict decoding, OpenAPI, `explain`, protobuf and all patch types are derived
 * from it by code that knows no kind by name.
 */

/** Carries a TypeScript type through a runtime value; never present at run time. */
export interface Typed<T> {
  readonly __type?: T;
}

/** How server-side apply treats a list: see "Merge strategy" in the Kubernetes server-side apply docs. */
export type ListType = 'atomic' | 'set' | 'map';

export interface ScalarSchema {
  readonly kind: 'string' | 'int32' | 'int64' | 'double' | 'bool' | 'bytes';
  /** Allowed values, shown in OpenAPI; enforcement is the kind's validation. */
  readonly enum?: readonly string[];
}

/**
 * Types with their own JSON and protobuf encodings:
 * - `quantity`: "500m", "1Gi" (JSON numbers are accepted); message `{1: string}`
 * - `time`: RFC 3339 seconds; message `{1: int64 seconds, 2: int32 nanos}`
 * - `microTime`: RFC 3339 with six digits; same message
 * - `duration`: Go duration text ("1m30s"); message `{1: int64 ns}`
 * - `intOrString`: message `{1: int64 type (0 int, 1 string), 2: int32, 3: string}`
 * - `raw`: any JSON object (RawExtension, JSON); message `{1: bytes}`
 * - `fieldsV1`: managedFields' set; message `{1: bytes}`
 */
export interface SpecialSchema {
  readonly kind: 'quantity' | 'time' | 'microTime' | 'duration' | 'intOrString' | 'raw' | 'fieldsV1';
  /**
   * Of `raw` JSON that is one thing or another by its look (a schema or a truth value): what a value is, undefined where
   * Go's decoder reads nothing from it.
   * @throws StatusError 400 for what it may not be
   */
  readonly read?: (v: unknown) => Schema | undefined;
}

export interface ArraySchema {
  readonly kind: 'array';
  readonly items: Schema;
  /** Server-side apply merge semantics. Default: atomic. */
  readonly listType?: ListType;
  /** Keys of a `map` list. */
  readonly mapKeys?: readonly string[];
  /** Strategic merge patch key (`patchMergeKey`); absent on lists of scalars merged as sets. */
  readonly mergeKey?: string;
  /** Strategic merge patch strategy, as in Go tags: "merge", "replace", "merge,retainKeys", "retainKeys". */
  readonly patchStrategy?: string;
}

export interface MapSchema {
  readonly kind: 'map';
  readonly values: Schema;
  readonly mapType?: 'granular' | 'atomic';
}

export interface ObjectSchema {
  readonly kind: 'object';
  /** Go type name, e.g. "Container"; with `pkg` the OpenAPI definition name. */
  readonly name: string;
  /** OpenAPI definition prefix, e.g. "io.k8s.api.core.v1". */
  readonly pkg: string;
  readonly doc: string;
  readonly fields: Readonly<Record<string, AnyField>>;
  /** `atomic`: server-side apply owns the whole struct as one value. */
  readonly structType?: 'atomic' | 'granular';
}

/** Breaks declaration cycles; resolve with `resolveLazy`. */
export interface LazySchema {
  readonly kind: 'lazy';
  readonly get: () => Schema;
}

export type Schema = ScalarSchema | SpecialSchema | ArraySchema | MapSchema | ObjectSchema | LazySchema;

export interface FieldOptions {
  /** Value set when the field is absent (constants only; dependent defaults go in the kind's `defaults`). */
  readonly default?: unknown;
  /** Go pointer: a zero value differs from absent. Matters for protobuf of scalars, where non-pointer zeros are dropped. */
  readonly ptr?: boolean;
  /** A list given without items is not the same as none: what is not given is filled, this is refused. */
  readonly keepEmpty?: boolean;
  /** Strategic merge of a struct or map field, e.g. "retainKeys" on `strategy`, "replace". */
  readonly patchStrategy?: string;
}

export interface AnyField extends FieldOptions {
  /** Protobuf field number; 0 = not part of the protobuf message. */
  readonly num: number;
  readonly schema: Schema;
  readonly doc: string;
  /** No `omitempty` in Go: always written, listed under `required` in OpenAPI. */
  readonly required: boolean;
  /** Go's `json:",inline"`: the JSON fields of an object schema lie in the parent object, but protobuf nests them under `num`. */
  readonly inline?: boolean;
}

export interface Field<T, Required extends boolean> extends AnyField, Typed<T> {
  readonly required: Required;
}

export type TypeOf<S> = S extends Typed<infer T> ? Exclude<T, undefined> : never;

type RequiredKeys<F> = { [K in keyof F]: F[K] extends Field<infer _T, true> ? K : never }[keyof F];
type OptionalKeys<F> = Exclude<keyof F, RequiredKeys<F>>;
type Flat<T> = { [K in keyof T]: T[K] };
/** The TypeScript type of an object schema's fields. */
export type FieldsType<F> = Flat<{ [K in RequiredKeys<F>]: TypeOf<F[K]> } & { [K in OptionalKeys<F>]?: TypeOf<F[K]> }>;

const scalar = <T>(kind: ScalarSchema['kind']): ScalarSchema & Typed<T> => ({ kind });
const special = <T>(kind: SpecialSchema['kind']): SpecialSchema & Typed<T> => ({ kind });

export const str = scalar<string>('string');
export const int32 = scalar<number>('int32');
export const int64 = scalar<number>('int64');
export const double = scalar<number>('double');
export const bool = scalar<boolean>('bool');
/** Base64 in JSON, raw bytes in protobuf. */
export const bytes = scalar<string>('bytes');
export const quantity = special<string>('quantity');
export const time = special<string>('time');
export const microTime = special<string>('microTime');
export const duration = special<string>('duration');
export const intOrString = special<number | string>('intOrString');
export const raw = special<Record<string, unknown>>('raw');
export const fieldsV1 = special<Record<string, unknown>>('fieldsV1');

/** A string limited to the given values (typed as their union). */
export const oneOf = <const V extends readonly string[]>(...values: V): ScalarSchema & Typed<V[number]> => ({
  kind: 'string',
  enum: values,
});

type ArrayOptions = Omit<ArraySchema, 'kind' | 'items'>;
export const arr = <S extends Schema>(items: S, options: ArrayOptions = {}): ArraySchema & Typed<TypeOf<S>[]> => ({
  kind: 'array',
  items,
  ...options,
});

/** A list merged by `key` in both strategic merge patch and server-side apply. */
export const mapList = <S extends Schema>(
  items: S,
  key: string,
  mapKeys: readonly string[] = [key],
): ArraySchema & Typed<TypeOf<S>[]> => ({
  kind: 'array',
  items,
  listType: 'map',
  mapKeys,
  mergeKey: key,
  patchStrategy: 'merge',
});

export const map = <S extends Schema>(
  values: S,
  mapType?: MapSchema['mapType'],
): MapSchema & Typed<Record<string, TypeOf<S>>> =>
  mapType ? { kind: 'map', values, mapType } : { kind: 'map', values };

export const lazy = <T>(get: () => Schema): LazySchema & Typed<T> => ({ kind: 'lazy', get });

/** An optional field: protobuf number, schema, description in our own words. */
export const f = <S extends Schema>(
  num: number,
  schema: S,
  doc: string,
  options: FieldOptions = {},
): Field<TypeOf<S>, false> => ({ num, schema, doc, required: false, ...options });

/** What Go holds in a field nobody set; undefined where a nil would be. */
const ZEROS: Partial<Record<Schema['kind'], unknown>> = {
  string: '',
  int32: 0,
  int64: 0,
  double: 0,
  bool: false,
  intOrString: 0,
  quantity: '0',
};

/**
 * A field that is always written (Go: no omitempty): an absent scalar becomes its zero value, as it does in Go, so that
 * hooks and readers can rely on it. Pointers stay absent.
 */
export const req = <S extends Schema>(
  num: number,
  schema: S,
  doc: string,
  options: FieldOptions = {},
): Field<TypeOf<S>, true> => {
  const zero = options.ptr ? undefined : ZEROS[schema.kind];
  return { num, schema, doc, required: true, ...(zero === undefined ? {} : { default: zero }), ...options };
};

/**
 * Object declarations of one OpenAPI package: `const obj = objectsIn('io.k8s.api.core.v1')`.
 * @returns a function (name, doc, fields) → object schema.
 */
export const objectsIn =
  (pkg: string) =>
  <F extends Record<string, AnyField>>(
    name: string,
    doc: string,
    fields: F,
    options: { structType?: ObjectSchema['structType'] } = {},
  ): ObjectSchema & { readonly fields: F } & Typed<FieldsType<F>> => ({
    kind: 'object',
    name,
    pkg,
    doc,
    fields,
    ...options,
  });

export function resolveLazy(schema: Schema): Exclude<Schema, LazySchema> {
  let s = schema;
  while (s.kind === 'lazy') s = s.get();
  return s;
}
