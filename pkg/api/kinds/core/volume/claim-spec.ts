import { LabelSelector } from '../../../meta/labelselector.ts';
import { arr, f, objectsIn, str, type TypeOf } from '../../../schema/schema.ts';
import { VolumeResourceRequirements } from '../pod/resources.ts';
import { TypedLocalObjectReference, TypedObjectReference } from '../references.ts';
import { PersistentVolumeAccessMode, PersistentVolumeMode } from '../values.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const PersistentVolumeClaimSpec = obj('PersistentVolumeClaimSpec', 'The storage asked for.', {
  accessModes: f(1, arr(PersistentVolumeAccessMode), 'How the volume is to be mounted.'),
  selector: f(4, LabelSelector, 'Volumes that may be bound, by label.'),
  resources: f(2, VolumeResourceRequirements, 'How much storage.', { default: {} }),
  volumeName: f(3, str, 'The volume bound.'),
  storageClassName: f(5, str, 'Storage class; empty for none, absent for the default one.', { ptr: true }),
  volumeMode: f(6, PersistentVolumeMode, 'Filesystem or block device.', { ptr: true, default: 'Filesystem' }),
  dataSource: f(7, TypedLocalObjectReference, 'Object whose content the volume starts with.'),
  dataSourceRef: f(8, TypedObjectReference, 'Like dataSource, for objects of any kind.'),
  volumeAttributesClassName: f(9, str, 'Class of changeable attributes.', { ptr: true }),
});
export type PersistentVolumeClaimSpec = TypeOf<typeof PersistentVolumeClaimSpec>;
