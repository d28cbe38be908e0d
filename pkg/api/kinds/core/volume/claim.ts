import { defineKind, topLevel } from '../../../kind.ts';
import { arr, f, map, mapList, objectsIn, oneOf, req, str, type TypeOf, time } from '../../../schema/schema.ts';
import { ageColumn, column, nameColumn, UNSET, wide } from '../../print/columns.ts';
import { accessModesText } from '../../print/volume.ts';
import { ConditionStatus, PersistentVolumeAccessMode, ResourceList } from '../values.ts';
import { alignSources, dropFarSource, dropForeignSource } from './claim-source.ts';
import { PersistentVolumeClaimSpec } from './claim-spec.ts';
import { validateClaim } from './claim-validation.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const ModifyVolumeStatus = obj('ModifyVolumeStatus', 'State of a change of the attributes class.', {
  targetVolumeAttributesClassName: f(1, str, 'The class being changed to.'),
  status: req(2, oneOf('Pending', 'InProgress', 'Infeasible'), 'How far the change is.'),
});
export type ModifyVolumeStatus = TypeOf<typeof ModifyVolumeStatus>;

export const PersistentVolumeClaimCondition = obj('PersistentVolumeClaimCondition', "One aspect of a claim's state.", {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastProbeTime: f(3, time, 'When it was last checked.'),
  lastTransitionTime: f(4, time, 'When the status last changed.'),
  reason: f(5, str, 'Short reason, in CamelCase.'),
  message: f(6, str, 'Explanation for people.'),
});
export type PersistentVolumeClaimCondition = TypeOf<typeof PersistentVolumeClaimCondition>;

export const PersistentVolumeClaimStatus = obj('PersistentVolumeClaimStatus', 'What is known of a claim.', {
  phase: f(1, oneOf('Pending', 'Bound', 'Lost'), 'Whether it is bound.', { default: 'Pending' }),
  accessModes: f(2, arr(PersistentVolumeAccessMode), 'How the volume can be mounted.'),
  capacity: f(3, ResourceList, 'What the volume offers.'),
  conditions: f(4, mapList(PersistentVolumeClaimCondition, 'type'), 'Aspects of its state.'),
  allocatedResources: f(5, ResourceList, 'Storage set aside, including a resize under way.'),
  allocatedResourceStatuses: f(7, map(str, 'granular'), 'State of a resize of each resource.'),
  currentVolumeAttributesClassName: f(8, str, 'Attributes class in force.', { ptr: true }),
  modifyVolumeStatus: f(9, ModifyVolumeStatus, 'State of a change of the attributes class.'),
});
export type PersistentVolumeClaimStatus = TypeOf<typeof PersistentVolumeClaimStatus>;

export const PersistentVolumeClaimSchema = topLevel(
  PKG,
  'PersistentVolumeClaim',
  'Asks for storage and names the volume that was found.',
  {
    spec: f(2, PersistentVolumeClaimSpec, 'The storage asked for.'),
    status: f(3, PersistentVolumeClaimStatus, 'What is known of it.'),
  },
);
export type PersistentVolumeClaim = TypeOf<typeof PersistentVolumeClaimSchema>;

const isBound = (o: PersistentVolumeClaim): boolean => Boolean(o.spec?.volumeName);

export const PersistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  hasStatus: true,
  hasGeneration: false,
  returnsDeleted: true,
  schema: PersistentVolumeClaimSchema,
  prepareCreate: (o) => {
    o.status = { phase: 'Pending' };
    if (!o.spec) return;
    dropFarSource(o.spec);
    dropForeignSource(o.spec);
    alignSources(o.spec);
  },
  prepareUpdate: (o, { spec: before }) => {
    if (!o.spec) return;
    if (!before?.dataSourceRef) dropFarSource(o.spec);
    if (!before?.dataSource && !before?.dataSourceRef) dropForeignSource(o.spec);
    alignSources(o.spec);
  },
  validate: validateClaim,
  columns: [
    nameColumn,
    column('Status', 'Whether it is bound.', (o) =>
      o.metadata?.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? ''),
    ),
    column('Volume', 'The volume bound.', (o) => o.spec?.volumeName ?? ''),
    column('Capacity', 'What the volume offers.', (o) => (isBound(o) ? (o.status?.capacity?.storage ?? '0') : '')),
    column('Access Modes', 'How it can be mounted.', (o) => (isBound(o) ? accessModesText(o.status?.accessModes) : '')),
    column('StorageClass', 'Its storage class.', (o) => o.spec?.storageClassName ?? ''),
    column('VolumeAttributesClass', 'Its attributes class.', (o) => o.spec?.volumeAttributesClassName ?? UNSET),
    ageColumn,
    wide(column('VolumeMode', 'Filesystem or block device.', (o) => o.spec?.volumeMode ?? UNSET)),
  ],
});
