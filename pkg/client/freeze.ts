/** Under test, cached objects are frozen so that a writer to shared state fails at once. Costs nothing otherwise. */
const FREEZE = process.env.VITEST !== undefined;

export function deepFreeze<T>(value: T): T {
  if (!FREEZE || typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const v of Object.values(value)) deepFreeze(v);
  return value;
}
