import type { Column } from '../../kind.ts';
import { ageColumn, column, nameColumn, wide } from '../print/columns.ts';
import type { RoleRef, Subject } from './rules.ts';

interface BindingLike {
  metadata?: { name?: string };
  subjects?: Subject[];
  roleRef: RoleRef;
}

const names = (o: BindingLike, kind: string): string =>
  (o.subjects ?? [])
    .filter((s) => s.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
    .join(', ');

/** Columns of role bindings of either scope. */
export const bindingColumns = <T extends BindingLike>(): Column<T>[] => [
  nameColumn as Column<T>,
  column('Role', 'The role that is given.', (o) => `${o.roleRef?.kind ?? ''}/${o.roleRef?.name ?? ''}`),
  ageColumn as Column<T>,
  wide(column('Users', 'Users who get it.', (o) => names(o, 'User'))),
  wide(column('Groups', 'Groups who get it.', (o) => names(o, 'Group'))),
  wide(column('ServiceAccounts', 'Service accounts that get it.', (o) => names(o, 'ServiceAccount'))),
];
