import { defineKind, topLevel } from '../../kind.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { dnsSubdomain } from '../../meta/names.ts';
import { f, quantity, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, invalidFor, nonNegativeAmount } from '../check/check.ts';
import { column, nameColumn, UNSET } from '../print/columns.ts';

const PKG = 'io.k8s.api.storage.v1';

export const CSIStorageCapacitySchema = topLevel(
  PKG,
  'CSIStorageCapacity',
  'How much storage is left in one part of the cluster.',
  {
    nodeTopology: f(2, LabelSelector, 'Which nodes can use it.'),
    storageClassName: req(3, str, 'The storage class.'),
    capacity: f(4, quantity, 'What is left.', { ptr: true }),
    maximumVolumeSize: f(5, quantity, 'The largest possible volume.', { ptr: true }),
  },
);
export type CSIStorageCapacity = TypeOf<typeof CSIStorageCapacitySchema>;

export const CSIStorageCapacities = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  needsVersion: true,
  schema: CSIStorageCapacitySchema,
  validate: (o, old) => [
    ...validateLabelSelector(o.nodeTopology, 'nodeTopology'),
    ...invalidFor('storageClassName', o.storageClassName ?? '', dnsSubdomain(o.storageClassName ?? '')),
    ...nonNegativeAmount('capacity', o.capacity),
    ...nonNegativeAmount('maximumVolumeSize', o.maximumVolumeSize),
    ...(old ? immutable('nodeTopology', o.nodeTopology, old.nodeTopology) : []),
    ...(old ? immutable('storageClassName', o.storageClassName, old.storageClassName) : []),
  ],
  columns: [
    nameColumn,
    column('StorageClassName', 'The storage class.', (o) => o.storageClassName),
    column('Capacity', 'What is left.', (o) => o.capacity ?? UNSET),
  ],
});
