import { defineKind, topLevel } from '../../kind.ts';
import { isDefaultStorageClass } from '../../meta/default-class.ts';
import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError, forbidden, required } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { arr, bool, f, map, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, invalidFor, oneOfOptional } from '../check/check.ts';
import { TopologySelectorTerm } from '../core/selectors.ts';
import { PersistentVolumeReclaimPolicy } from '../core/values.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.storage.v1';

export const StorageClassSchema = topLevel(PKG, 'StorageClass', 'A way to provide volumes.', {
  provisioner: req(2, str, 'Who makes the volumes.'),
  parameters: f(3, map(str), 'Settings for the provisioner.'),
  reclaimPolicy: f(4, PersistentVolumeReclaimPolicy, 'What happens to a volume when its claim is deleted.', {
    ptr: true,
    default: 'Delete',
  }),
  mountOptions: f(5, arr(str), 'Options for mounting.'),
  allowVolumeExpansion: f(6, bool, 'Volumes can grow.', { ptr: true }),
  volumeBindingMode: f(7, oneOf('Immediate', 'WaitForFirstConsumer'), 'When a volume is bound.', {
    ptr: true,
    default: 'Immediate',
  }),
  allowedTopologies: f(8, arr(TopologySelectorTerm), 'Where volumes can be made.'),
});
export type StorageClass = TypeOf<typeof StorageClassSchema>;

function validateTerm(path: string, term: TopologySelectorTerm): FieldError[] {
  const keys = new Set<string>();
  return (term.matchLabelExpressions ?? []).flatMap(({ key, values }, i) => {
    const at = `${path}.matchLabelExpressions[${i}]`;
    const found = values?.length ? [] : [required(`${at}.values`)];
    const twice = (values ?? []).flatMap((v, j) => (values.indexOf(v) < j ? [duplicate(`${at}.values[${j}]`, v)] : []));
    found.push(...twice, ...invalidFor(`${at}.key`, key, qualifiedName(key)));
    if (keys.has(key)) found.push(duplicate(`${at}.key`, key));
    keys.add(key);
    return found;
  });
}

/** Terms that allow the same are one too many; so is one that asks nothing (Kubernetes compares with none). */
function validateTopologies(path: string, terms: readonly TopologySelectorTerm[]): FieldError[] {
  const asked = new Set(['[]']);
  return terms.flatMap((term, i) => {
    const at = `${path}[${i}]`;
    const found = validateTerm(at, term);
    const pairs = (term.matchLabelExpressions ?? []).map(({ key, values }) =>
      JSON.stringify([key, [...(values ?? [])].sort()]),
    );
    const form = JSON.stringify(pairs.sort());
    if (asked.has(form)) found.push(duplicate(`${at}.matchLabelExpressions`, ''));
    asked.add(form);
    return found;
  });
}

function validateStorageClass(o: StorageClass, old?: StorageClass): FieldError[] {
  const found: FieldError[] = o.provisioner
    ? invalidFor('provisioner', o.provisioner, qualifiedName(o.provisioner.toLowerCase()))
    : [required('provisioner')];
  found.push(
    ...oneOfOptional('reclaimPolicy', o.reclaimPolicy || undefined, ['Delete', 'Retain']),
    ...oneOfOptional('volumeBindingMode', o.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    ...validateTopologies('allowedTopologies', o.allowedTopologies ?? []),
  );
  if (!old) return found;
  if (!sameJson(o.parameters, old.parameters))
    found.push(forbidden('parameters', 'updates to parameters are forbidden.'));
  if (o.provisioner !== old.provisioner) found.push(forbidden('provisioner', 'updates to provisioner are forbidden.'));
  if (o.reclaimPolicy !== old.reclaimPolicy)
    found.push(forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  return [...found, ...immutable('volumeBindingMode', o.volumeBindingMode, old.volumeBindingMode)];
}

export const StorageClasses = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  namespaced: false,
  schema: StorageClassSchema,
  validate: validateStorageClass,
  columns: [
    { ...nameColumn, cell: (o) => `${o.metadata?.name ?? ''}${isDefaultStorageClass(o) ? ' (default)' : ''}` },
    column('Provisioner', 'Who makes the volumes.', (o) => o.provisioner),
    column('ReclaimPolicy', 'What happens when a claim is deleted.', (o) => o.reclaimPolicy ?? 'Delete'),
    column('VolumeBindingMode', 'When a volume is bound.', (o) => o.volumeBindingMode ?? 'Immediate'),
    column('AllowVolumeExpansion', 'Whether volumes can grow.', (o) => o.allowVolumeExpansion ?? false),
    ageColumn,
  ],
});
