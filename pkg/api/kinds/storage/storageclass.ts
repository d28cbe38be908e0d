import { defineKind, topLevel } from '../../kind.ts';
import { arr, bool, f, map, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { TopologySelectorTerm } from '../core/selectors.ts';
import { PersistentVolumeReclaimPolicy } from '../core/values.ts';

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

export const StorageClasses = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
  shortNames: ['sc'],
  schema: StorageClassSchema,
});
