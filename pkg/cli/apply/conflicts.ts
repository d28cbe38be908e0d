import { sameJson } from '#api/meta/equal.ts';

type Json = Readonly<Record<string, unknown>>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** Items of a list of objects by their name, so that two lists can be compared item by item; undefined for other lists. */
function byName(list: unknown): Json | undefined {
  if (!Array.isArray(list) || !list.every((x) => isObject(x) && typeof x.name === 'string')) return undefined;
  return Object.fromEntries(list.map((x: Json) => [`[${x.name as string}]`, x]));
}

/**
 * Pure: the fields that `wanted` changes and that `current` has otherwise than `last`, too: two have changed them
 * differently. What nobody wrote in `last` is no conflict unless both have set it.
 */
export function conflicts(last: unknown, wanted: unknown, current: unknown, at = ''): string[] {
  const [l, w, c] = [last, wanted, current].map((v) => (isObject(v) ? v : byName(v)));
  if (w && c) {
    return Object.keys({ ...l, ...w }).flatMap((key) =>
      conflicts(l?.[key], w[key], c[key], key.startsWith('[') ? `${at}${key}` : at ? `${at}.${key}` : key),
    );
  }
  const drifted = !sameJson(current ?? null, last ?? null) && current !== undefined;
  return drifted && !sameJson(wanted ?? null, last ?? null) && !sameJson(wanted ?? null, current ?? null) ? [at] : [];
}
