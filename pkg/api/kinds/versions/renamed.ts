import type { Column } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';

/** A conversion that only gives top-level fields other names: name in this version → name as stored. */
export function renamed(names: Readonly<Record<string, string>>) {
  const back = new Map(Object.entries(names).map(([a, b]) => [b, a]));
  const rename =
    (by: ReadonlyMap<string, string>) =>
    (o: object): KubeObject =>
      Object.fromEntries(Object.entries(o).map(([k, v]) => [by.get(k) ?? k, v]));
  return { toStored: rename(new Map(Object.entries(names))), fromStored: rename(back) };
}

/** Columns of the stored version for objects of another. */
export const viaStored = <T, S>(columns: readonly Column<S>[], toStored: (o: T) => S): Column<T>[] =>
  columns.map((c) => ({ ...c, cell: (o, now) => c.cell(toStored(o), now) }));
