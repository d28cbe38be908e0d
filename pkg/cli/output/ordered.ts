/** The same value with the keys of every object in order, as programs in Go write maps. */
export function ordered<T>(value: T): T {
  if (Array.isArray(value)) return value.map(ordered) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([k, v]) => [k, ordered(v)])) as T;
}

const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** JSON as programs in Go write it: keys in order, and "<", ">" and "&" escaped. */
export const goJson = (value: unknown): string => JSON.stringify(ordered(value)).replace(/[<>&\u2028\u2029]/g, escaped);
