import { defineKind, topLevel } from '../../../kind.ts';
import { arr, f, objectsIn, oneOf, str, type TypeOf, time } from '../../../schema/schema.ts';
import { embed } from '../../embed.ts';
import { ageColumn, column, nameColumn, UNSET, wide } from '../../print/columns.ts';
import { accessModesText } from '../../print/volume.ts';
import {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from '../pod/network-volumes.ts';
import { HostPathVolumeSource, NFSVolumeSource } from '../pod/volume-sources.ts';
import { ObjectReference } from '../references.ts';
import { NodeSelector } from '../selectors.ts';
import {
  PersistentVolumeAccessMode,
  PersistentVolumeMode,
  PersistentVolumeReclaimPolicy,
  ResourceList,
} from '../values.ts';
import {
  AzureFilePersistentVolumeSource,
  CephFSPersistentVolumeSource,
  CinderPersistentVolumeSource,
  CSIPersistentVolumeSource,
  FlexPersistentVolumeSource,
  GlusterfsPersistentVolumeSource,
  ISCSIPersistentVolumeSource,
  LocalVolumeSource,
  RBDPersistentVolumeSource,
  ScaleIOPersistentVolumeSource,
  StorageOSPersistentVolumeSource,
} from './volume-sources.ts';
import { validateVolume } from './volume-validation.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const PersistentVolumeSource = obj(
  'PersistentVolumeSource',
  "Where a persistent volume's content lies; one of the fields is set.",
  {
    gcePersistentDisk: f(1, GCEPersistentDiskVolumeSource, 'A Google Compute Engine disk.'),
    awsElasticBlockStore: f(2, AWSElasticBlockStoreVolumeSource, 'An AWS EBS disk.'),
    hostPath: f(3, HostPathVolumeSource, 'A path of the node.'),
    glusterfs: f(4, GlusterfsPersistentVolumeSource, 'A Glusterfs volume.'),
    nfs: f(5, NFSVolumeSource, 'An NFS export.'),
    rbd: f(6, RBDPersistentVolumeSource, 'A Ceph block device.'),
    iscsi: f(7, ISCSIPersistentVolumeSource, 'An iSCSI disk.'),
    cinder: f(8, CinderPersistentVolumeSource, 'An OpenStack Cinder volume.'),
    cephfs: f(9, CephFSPersistentVolumeSource, 'A Ceph filesystem.'),
    fc: f(10, FCVolumeSource, 'A Fibre Channel disk.'),
    flocker: f(11, FlockerVolumeSource, 'A Flocker volume.'),
    flexVolume: f(12, FlexPersistentVolumeSource, 'A volume of an exec-based plugin.'),
    azureFile: f(13, AzureFilePersistentVolumeSource, 'An Azure file share.'),
    vsphereVolume: f(14, VsphereVirtualDiskVolumeSource, 'A vSphere disk.'),
    quobyte: f(15, QuobyteVolumeSource, 'A Quobyte volume.'),
    azureDisk: f(16, AzureDiskVolumeSource, 'An Azure data disk.'),
    photonPersistentDisk: f(17, PhotonPersistentDiskVolumeSource, 'A Photon disk.'),
    portworxVolume: f(18, PortworxVolumeSource, 'A Portworx volume.'),
    scaleIO: f(19, ScaleIOPersistentVolumeSource, 'A ScaleIO volume.'),
    local: f(20, LocalVolumeSource, 'A disk or directory of one node.'),
    storageos: f(21, StorageOSPersistentVolumeSource, 'A StorageOS volume.'),
    csi: f(22, CSIPersistentVolumeSource, 'Storage of a CSI driver.'),
  },
);
export type PersistentVolumeSource = TypeOf<typeof PersistentVolumeSource>;

export const VolumeNodeAffinity = obj('VolumeNodeAffinity', 'From which nodes a volume can be used.', {
  required: f(1, NodeSelector, 'The nodes.'),
});
export type VolumeNodeAffinity = TypeOf<typeof VolumeNodeAffinity>;

export const PersistentVolumeSpec = obj('PersistentVolumeSpec', 'What a volume is.', {
  capacity: f(1, ResourceList, 'What it offers.'),
  ...embed(2, PersistentVolumeSource),
  accessModes: f(3, arr(PersistentVolumeAccessMode), 'How it can be mounted.'),
  claimRef: f(4, ObjectReference, 'The claim it is bound to.'),
  persistentVolumeReclaimPolicy: f(5, PersistentVolumeReclaimPolicy, 'What happens when its claim is deleted.', {
    default: 'Retain',
  }),
  storageClassName: f(6, str, 'Its storage class.'),
  mountOptions: f(7, arr(str), 'Options for mounting.'),
  volumeMode: f(8, PersistentVolumeMode, 'Filesystem or block device.', { ptr: true, default: 'Filesystem' }),
  nodeAffinity: f(9, VolumeNodeAffinity, 'From which nodes it can be used.'),
  volumeAttributesClassName: f(10, str, 'Class of changeable attributes.', { ptr: true }),
});
export type PersistentVolumeSpec = TypeOf<typeof PersistentVolumeSpec>;

export const PersistentVolumeStatus = obj('PersistentVolumeStatus', 'What is known of a volume.', {
  phase: f(
    1,
    oneOf('Pending', 'Available', 'Bound', 'Released', 'Failed'),
    'Whether it is free, bound, released or failed.',
    { default: 'Pending' },
  ),
  message: f(2, str, 'Explanation for people.'),
  reason: f(3, str, 'Short reason, in CamelCase.'),
  lastPhaseTransitionTime: f(4, time, 'When the phase last changed.'),
});
export type PersistentVolumeStatus = TypeOf<typeof PersistentVolumeStatus>;

export const PersistentVolumeSchema = topLevel(PKG, 'PersistentVolume', 'A piece of storage in the cluster.', {
  spec: f(2, PersistentVolumeSpec, 'What it is.'),
  status: f(3, PersistentVolumeStatus, 'What is known of it.'),
});
export type PersistentVolume = TypeOf<typeof PersistentVolumeSchema>;

export const PersistentVolumes = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  returnsDeleted: true,
  schema: PersistentVolumeSchema,
  prepareCreate: (o) => {
    o.status = { phase: 'Pending' };
  },
  validate: validateVolume,
  columns: [
    nameColumn,
    column('Capacity', 'What it offers.', (o) => o.spec?.capacity?.storage ?? ''),
    column('Access Modes', 'How it can be mounted.', (o) => accessModesText(o.spec?.accessModes)),
    column(
      'Reclaim Policy',
      'What happens when its claim is deleted.',
      (o) => o.spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    column('Status', 'Whether it is free or bound.', (o) =>
      o.metadata?.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? ''),
    ),
    column('Claim', 'The claim it is bound to.', (o) =>
      o.spec?.claimRef ? `${o.spec.claimRef.namespace}/${o.spec.claimRef.name}` : '',
    ),
    column('StorageClass', 'Its storage class.', (o) => o.spec?.storageClassName ?? ''),
    column('VolumeAttributesClass', 'Its attributes class.', (o) => o.spec?.volumeAttributesClassName ?? UNSET),
    column('Reason', 'Why it failed.', (o) => o.status?.reason ?? ''),
    ageColumn,
    wide(column('VolumeMode', 'Filesystem or block device.', (o) => o.spec?.volumeMode ?? UNSET)),
  ],
});
