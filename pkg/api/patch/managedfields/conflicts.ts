import { errors, type StatusError } from '../../meta/errors.ts';
import type { ManagedFieldsEntry } from '../../meta/objectmeta.ts';
import { type FieldSet, pathsOf } from './fieldset.ts';

/** Fields an apply wants to change that another manager owns. */
export interface Conflict {
  readonly entry: ManagedFieldsEntry;
  readonly fields: FieldSet;
}

/** `"kubectl-edit" using apps/v1`, as Kubernetes names a manager. */
function managerText(e: ManagedFieldsEntry): string {
  const through = e.subresource ? ` with subresource "${e.subresource}"` : '';
  return `"${e.manager}"${through}${e.operation === 'Update' ? ` using ${e.apiVersion}` : ''}`;
}

/** The 409 that lists every conflict, and in its message by manager. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const byManager = new Map<string, string[]>();
  for (const { entry, fields } of conflicts) {
    const who = managerText(entry);
    byManager.set(who, [...(byManager.get(who) ?? []), ...pathsOf(fields)]);
  }
  const sorted = [...byManager].sort(([a], [b]) => (a < b ? -1 : 1));
  const causes = sorted.flatMap(([who, paths]) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const [first] = causes;
  if (causes.length === 1 && first) {
    return errors.applyConflict(`Apply failed with 1 conflict: ${first.message}: ${first.field}`, causes);
  }
  const text = sorted.map(([who, paths]) => [`conflicts with ${who}:`, ...paths.map((p) => `- ${p}`)].join('\n'));
  return errors.applyConflict(`Apply failed with ${causes.length} conflicts: ${text.join('\n')}`, causes);
}
