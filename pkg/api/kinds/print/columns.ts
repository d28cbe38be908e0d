import type { Column } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { ageSince } from './duration.ts';

export const NONE = '<none>';
export const UNSET = '<unset>';
export const UNKNOWN = '<unknown>';

type Cell<T> = Column<T>['cell'];

/** The first column of every table. */
export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  format: 'name',
  description: 'Name of the object.',
  cell: (o) => o.metadata?.name ?? '',
};

/** Time since the object was created. */
export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  description: 'Time since the object was created.',
  cell: (o, now) => ageSince(o.metadata?.creationTimestamp, now),
};

/** Creation time itself; kinds that are read long after they were made show it instead of an age. */
export const createdColumn: Column<KubeObject> = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created.',
  cell: (o) => o.metadata?.creationTimestamp ?? UNKNOWN,
};

/** A column that is always shown. */
export const column = <T>(name: string, description: string, cell: Cell<T>): Column<T> => ({ name, description, cell });

/** A column of numbers. */
export const numberColumn = <T>(name: string, description: string, cell: Cell<T>): Column<T> => ({
  name,
  type: 'integer',
  description,
  cell,
});

export const boolColumn = <T>(name: string, description: string, cell: Cell<T>): Column<T> => ({
  name,
  type: 'boolean',
  description,
  cell,
});

/** A column shown only with `-o wide`. */
export const wide = <T>(c: Column<T>): Column<T> => ({ ...c, priority: 1 });

/** "a=1,b=2", sorted, "<none>" when empty. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort();
  return keys.length === 0 ? NONE : keys.map((k) => `${k}=${labels?.[k]}`).join(',');
}

/** The first three of a list, then how many more. */
export function firstThree(list: readonly string[], empty: string): string {
  if (list.length === 0) return empty;
  const shown = list.slice(0, 3).join(',');
  return list.length > 3 ? `${shown} + ${list.length - 3} more...` : shown;
}
