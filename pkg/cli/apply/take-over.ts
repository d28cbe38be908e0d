import type { ManagedFieldsEntry } from '#api/meta/objectmeta.ts';
import { difference, type FieldSet, LEAF, union } from '#api/patch/managedfields/fieldset.ts';
import { LAST_APPLIED } from './last-applied.ts';

/** Who owns what client-side apply writes; kubectl's name. */
export const CLIENT_SIDE = 'kubectl-client-side-apply';
/** Who owns what server-side apply writes, unless --field-manager says otherwise. */
export const SERVER_SIDE = 'kubectl';

const ANNOTATION: FieldSet = { 'f:metadata': { 'f:annotations': { '.': LEAF, [`f:${LAST_APPLIED}`]: LEAF } } };

/**
 * Pure: from its first server-side apply on an object's client-side fields belong to who applies, as with kubectl: otherwise what
 * files no longer say would stay for ever. The annotation stays nobody's where later client-side applies may want it.
 * @returns undefined when there is nothing to take over
 */
export function takenOver(entries: readonly ManagedFieldsEntry[], manager: string): ManagedFieldsEntry[] | undefined {
  const of = (name: string, operation: string): ManagedFieldsEntry | undefined =>
    entries.find((e) => e.manager === name && e.operation === operation && !e.subresource);
  const [theirs, mine] = [of(CLIENT_SIDE, 'Update'), of(manager, 'Apply')];
  if (!theirs || !mine) return undefined;
  const fields = (theirs.fieldsV1 ?? {}) as FieldSet;
  const taken = manager === SERVER_SIDE ? difference(fields, ANNOTATION) : fields;
  const both = { ...mine, fieldsV1: union((mine.fieldsV1 ?? {}) as FieldSet, taken) };
  return entries.filter((e) => e !== theirs).map((e) => (e === mine ? both : e));
}
