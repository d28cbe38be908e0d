/** Static types. `max` bounds the size of a value (characters, elements) for cost estimates. */
export type Type =
  | { readonly kind: 'dyn' | 'null' | 'bool' | 'int' | 'uint' | 'double' | 'timestamp' | 'duration' | 'type' }
  | { readonly kind: 'string' | 'bytes'; readonly max?: number }
  | { readonly kind: 'list'; readonly item: Type; readonly max?: number }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type; readonly max?: number }
  | { readonly kind: 'optional'; readonly item: Type }
  | ObjectType
  | { readonly kind: 'opaque'; readonly name: string }
  /** A parameter of a function's signature. */
  | { readonly kind: 'parameter'; readonly name: string };

/** A thing with known fields. */
export interface ObjectType {
  readonly kind: 'object';
  readonly name: string;
  /** Asked for a field's type; undefined: there is no such field. */
  readonly field: (name: string) => Type | undefined;
}

export const DYN: Type = { kind: 'dyn' };
export const BOOL: Type = { kind: 'bool' };
export const INT: Type = { kind: 'int' };
export const STRING: Type = { kind: 'string' };
export const listOf = (item: Type, max?: number): Type => ({
  kind: 'list',
  item,
  ...(max === undefined ? {} : { max }),
});
export const mapOf = (key: Type, value: Type, max?: number): Type => ({
  kind: 'map',
  key,
  value,
  ...(max === undefined ? {} : { max }),
});
export const optionalOf = (item: Type): Type => ({ kind: 'optional', item });
export const opaque = (name: string): Type => ({ kind: 'opaque', name });
export const objectType = (name: string, fields: Readonly<Record<string, Type>>): ObjectType => ({
  kind: 'object',
  name,
  field: (f) => (Object.hasOwn(fields, f) ? fields[f] : undefined),
});

const NAMES: Partial<Record<Type['kind'], string>> = {
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  null: 'null',
};

/** A type as messages name it. */
export function typeText(t: Type): string {
  switch (t.kind) {
    case 'list':
      return `list(${typeText(t.item)})`;
    case 'map':
      return `map(${typeText(t.key)}, ${typeText(t.value)})`;
    case 'optional':
      return `optional_type(${typeText(t.item)})`;
    case 'object':
    case 'opaque':
    case 'parameter':
      return t.name;
    default:
      return NAMES[t.kind] ?? t.kind;
  }
}

/** Kinds whose values may be null though their type does not say so. */
const NULLABLE: readonly Type['kind'][] = ['object', 'opaque', 'optional', 'timestamp', 'duration'];

/** May a value of one type be where the other is declared? Binds the parameters of a signature on the way. */
export function assignable(actual: Type, declared: Type, bound: Map<string, Type>): boolean {
  if (declared.kind === 'parameter') {
    const before = bound.get(declared.name);
    if (!before || before.kind === 'dyn') {
      bound.set(declared.name, actual);
      return true;
    }
    if (assignable(actual, before, bound)) return true;
    if (!assignable(before, actual, bound)) return false;
    bound.set(declared.name, actual);
    return true;
  }
  if (actual.kind === 'dyn' || declared.kind === 'dyn' || actual.kind === 'parameter') return true;
  if (actual.kind === 'null' && NULLABLE.includes(declared.kind)) return true;
  if (declared.kind === 'null' && NULLABLE.includes(actual.kind)) return true;
  if (actual.kind !== declared.kind) return false;
  switch (actual.kind) {
    case 'list':
    case 'optional':
      return assignable(actual.item, (declared as typeof actual).item, bound);
    case 'map': {
      const { key, value } = declared as typeof actual;
      return assignable(actual.key, key, bound) && assignable(actual.value, value, bound);
    }
    case 'object':
    case 'opaque':
      return actual.name === (declared as typeof actual).name;
    default:
      return true;
  }
}

/** The type with its parameters replaced; those unknown are dyn. */
export function substituted(t: Type, bound: ReadonlyMap<string, Type>): Type {
  switch (t.kind) {
    case 'parameter':
      return bound.get(t.name) ?? DYN;
    case 'list':
      return listOf(substituted(t.item, bound));
    case 'optional':
      return optionalOf(substituted(t.item, bound));
    case 'map':
      return mapOf(substituted(t.key, bound), substituted(t.value, bound));
    default:
      return t;
  }
}

/** The type of values of either type: that type, or dyn. */
export function joined(a: Type | undefined, b: Type): Type {
  if (!a) return b;
  if (a.kind === 'dyn' || b.kind === 'dyn') return DYN;
  if (assignable(b, a, new Map())) return a.kind === 'null' ? b : a;
  return assignable(a, b, new Map()) ? b : DYN;
}

/** Largest request, bytes: bounds what nobody else bounds. */
const MAX_BYTES = 3 << 20;

/** How large a value of the type may be. */
export function largest(t: Type): number {
  switch (t.kind) {
    case 'string':
    case 'bytes':
      return t.max ?? MAX_BYTES;
    case 'list':
      return t.max ?? MAX_BYTES / 2;
    case 'map':
      return t.max ?? MAX_BYTES / 6;
    case 'dyn':
      return MAX_BYTES;
    default:
      return 1;
  }
}
