import { errors } from '../meta/errors.ts';
import { DIRECTIVE } from './strategy.ts';

type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** What tells items of a list apart: their merge key, or they themselves. Objects are compared by what is in them. */
function idOf(item: unknown, key: string | undefined): unknown {
  const id = key !== undefined && isObject(item) ? item[key] : item;
  return typeof id === 'object' ? JSON.stringify(id) : id;
}

/** Where each item stands; of equal ones the first. */
function places(list: readonly unknown[], key: string | undefined): ReadonlyMap<unknown, number> {
  const found = new Map<unknown, number>();
  for (const [i, item] of list.entries()) {
    const id = idOf(item, key);
    if (!found.has(id)) found.set(id, i);
  }
  return found;
}

/**
 * Brings a merged list into order: items named in `order` stand as there, the others as in `live`, and each of these keeps
 * its place before the first named one that it stood before.
 * @param key by what items are merged; undefined: the items are scalars
 */
export function arranged(
  list: readonly unknown[],
  order: readonly unknown[],
  live: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const [rank, was] = [places(order, key), places(live, key)];
  const by =
    (of: ReadonlyMap<unknown, number>) =>
    (a: unknown, b: unknown): number =>
      (of.get(idOf(a, key)) ?? of.size) - (of.get(idOf(b, key)) ?? of.size);
  const named = list.filter((x) => rank.has(idOf(x, key))).sort(by(rank));
  const others = list.filter((x) => !rank.has(idOf(x, key))).sort(by(was));
  const out: unknown[] = [];
  for (const x of named) {
    const place = was.get(idOf(x, key)) ?? -1;
    while (others.length > 0 && (was.get(idOf(others[0], key)) ?? place) < place) out.push(others.shift());
    out.push(x);
  }
  return [...out, ...others];
}

/**
 * Whether the items of a patch stand as its own directive about their order has them.
 * @throws StatusError 400 when they do not, or when it says nothing of one of them
 */
export function checkOrder(items: unknown, order: readonly unknown[], key: string | undefined): void {
  if (key !== undefined) {
    const nameless = order.find((o) => !isObject(o) || o[key] === undefined);
    if (nameless !== undefined)
      throw errors.badRequest(`map: ${JSON.stringify(nameless)} does not contain declared merge key: ${key}`);
  }
  if (!Array.isArray(items) || order.length === 0) return;
  const ids = order.map((o) => idOf(o, key));
  let at = 0;
  for (const item of items) {
    if (isObject(item) && DIRECTIVE in item) continue;
    at = ids.indexOf(idOf(item, key), at) + 1;
    if (at === 0) {
      const [has, says] = [JSON.stringify(items), JSON.stringify(order)];
      throw errors.badRequest(`The order in patch list:\n${has}\n doesn't match $setElementOrder list:\n${says}\n`);
    }
  }
}
