import { compareQuantities, isQuantity } from '#api/meta/quantity.ts';
import { evaluateValues, relaxed } from './jsonpath.ts';

/** Numbers as numbers, quantities as quantities, texts as texts; what is missing comes first. */
function compare(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [String(a), String(b)];
  if (isQuantity(x) && isQuantity(y)) return compareQuantities(x, y);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Items in the order of a field of their objects (`--sort-by`); equal ones stay as they were. */
export function sortedBy<T>(items: readonly T[], path: string, objectOf: (item: T) => unknown): T[] {
  const expression = relaxed(path);
  return items
    .map((item) => ({ item, key: evaluateValues(expression, objectOf(item))[0] }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ item }) => item);
}
