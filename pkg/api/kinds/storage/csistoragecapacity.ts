import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { f, quantity, req, str, type TypeOf } from '../../schema/schema.ts';

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
  schema: CSIStorageCapacitySchema,
});
