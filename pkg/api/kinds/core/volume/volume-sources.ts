/** Sources of persistent volumes: like those of pods, but with secrets in any namespace. */
import { arr, bool, f, int32, map, objectsIn, req, str, type TypeOf } from '../../../schema/schema.ts';
import { ObjectReference, SecretReference } from '../references.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const GlusterfsPersistentVolumeSource = obj('GlusterfsPersistentVolumeSource', 'A Glusterfs volume.', {
  endpoints: req(1, str, 'Name of the endpoints object of the servers.'),
  path: req(2, str, 'Volume path.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
  endpointsNamespace: f(4, str, 'Namespace of that object.', { ptr: true }),
});
export type GlusterfsPersistentVolumeSource = TypeOf<typeof GlusterfsPersistentVolumeSource>;

export const RBDPersistentVolumeSource = obj('RBDPersistentVolumeSource', 'A Ceph block device.', {
  monitors: req(1, arr(str), 'Addresses of Ceph monitors.'),
  image: req(2, str, 'Name of the RBD image.'),
  fsType: f(3, str, 'Filesystem of the volume.'),
  pool: f(4, str, 'Name of the pool.', { default: 'rbd' }),
  user: f(5, str, 'Ceph user.', { default: 'admin' }),
  keyring: f(6, str, 'Path of the key ring.', { default: '/etc/ceph/keyring' }),
  secretRef: f(7, SecretReference, 'Secret with credentials.'),
  readOnly: f(8, bool, 'Mount it read-only.'),
});
export type RBDPersistentVolumeSource = TypeOf<typeof RBDPersistentVolumeSource>;

export const ISCSIPersistentVolumeSource = obj('ISCSIPersistentVolumeSource', 'An iSCSI disk.', {
  targetPortal: req(1, str, 'Address of the target portal.'),
  iqn: req(2, str, 'Qualified name of the target.'),
  lun: req(3, int32, 'Logical unit number.'),
  iscsiInterface: f(4, str, 'Interface to use.', { default: 'default' }),
  fsType: f(5, str, 'Filesystem of the volume.'),
  readOnly: f(6, bool, 'Mount it read-only.'),
  portals: f(7, arr(str), 'Further portals.'),
  chapAuthDiscovery: f(8, bool, 'Use CHAP for discovery.'),
  chapAuthSession: f(11, bool, 'Use CHAP for sessions.'),
  secretRef: f(10, SecretReference, 'Secret with credentials.'),
  initiatorName: f(12, str, 'Own initiator name.', { ptr: true }),
});
export type ISCSIPersistentVolumeSource = TypeOf<typeof ISCSIPersistentVolumeSource>;

export const CinderPersistentVolumeSource = obj('CinderPersistentVolumeSource', 'An OpenStack Cinder volume.', {
  volumeID: req(1, str, 'Id of the volume.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
  secretRef: f(4, SecretReference, 'Secret with credentials.'),
});
export type CinderPersistentVolumeSource = TypeOf<typeof CinderPersistentVolumeSource>;

export const CephFSPersistentVolumeSource = obj('CephFSPersistentVolumeSource', 'A Ceph filesystem.', {
  monitors: req(1, arr(str), 'Addresses of Ceph monitors.'),
  path: f(2, str, 'Mounted root within the filesystem.'),
  user: f(3, str, 'Ceph user.'),
  secretFile: f(4, str, 'Path of the key ring.'),
  secretRef: f(5, SecretReference, 'Secret with credentials.'),
  readOnly: f(6, bool, 'Mount it read-only.'),
});
export type CephFSPersistentVolumeSource = TypeOf<typeof CephFSPersistentVolumeSource>;

export const FlexPersistentVolumeSource = obj('FlexPersistentVolumeSource', 'A volume of an exec-based plugin.', {
  driver: req(1, str, 'Name of the driver.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  secretRef: f(3, SecretReference, 'Secret with credentials.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
  options: f(5, map(str), 'Settings for the driver.'),
});
export type FlexPersistentVolumeSource = TypeOf<typeof FlexPersistentVolumeSource>;

export const AzureFilePersistentVolumeSource = obj('AzureFilePersistentVolumeSource', 'An Azure file share.', {
  secretName: req(1, str, "Secret with the account's name and key."),
  shareName: req(2, str, 'Name of the share.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
  secretNamespace: req(4, str, 'Namespace of that secret.', { ptr: true }),
});
export type AzureFilePersistentVolumeSource = TypeOf<typeof AzureFilePersistentVolumeSource>;

export const ScaleIOPersistentVolumeSource = obj('ScaleIOPersistentVolumeSource', 'A ScaleIO volume.', {
  gateway: req(1, str, 'Address of the gateway.'),
  system: req(2, str, 'Name of the storage system.'),
  secretRef: req(3, SecretReference, 'Secret with credentials.'),
  sslEnabled: f(4, bool, 'Use TLS to the gateway.'),
  protectionDomain: f(5, str, 'Protection domain.'),
  storagePool: f(6, str, 'Storage pool.'),
  storageMode: f(7, str, 'Thick or thin provisioning.', { default: 'ThinProvisioned' }),
  volumeName: f(8, str, 'Name of the volume.'),
  fsType: f(9, str, 'Filesystem.', { default: 'xfs' }),
  readOnly: f(10, bool, 'Mount it read-only.'),
});
export type ScaleIOPersistentVolumeSource = TypeOf<typeof ScaleIOPersistentVolumeSource>;

export const LocalVolumeSource = obj('LocalVolumeSource', 'A disk or directory of one node.', {
  path: req(1, str, 'Path on the node.'),
  fsType: f(2, str, 'Filesystem of a block device.', { ptr: true }),
});
export type LocalVolumeSource = TypeOf<typeof LocalVolumeSource>;

export const StorageOSPersistentVolumeSource = obj('StorageOSPersistentVolumeSource', 'A StorageOS volume.', {
  volumeName: f(1, str, 'Name of the volume.'),
  volumeNamespace: f(2, str, 'Namespace of the volume within StorageOS.'),
  fsType: f(3, str, 'Filesystem of the volume.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
  secretRef: f(5, ObjectReference, 'Secret with credentials.'),
});
export type StorageOSPersistentVolumeSource = TypeOf<typeof StorageOSPersistentVolumeSource>;

export const CSIPersistentVolumeSource = obj('CSIPersistentVolumeSource', 'Storage of a CSI driver.', {
  driver: req(1, str, 'Name of the driver.'),
  volumeHandle: req(2, str, "The volume's id at the driver."),
  readOnly: f(3, bool, 'Mount it read-only.'),
  fsType: f(4, str, 'Filesystem of the volume.'),
  volumeAttributes: f(5, map(str), 'Settings for the driver.'),
  controllerPublishSecretRef: f(6, SecretReference, 'Secret for attaching.'),
  nodeStageSecretRef: f(7, SecretReference, 'Secret for staging on a node.'),
  nodePublishSecretRef: f(8, SecretReference, 'Secret for mounting.'),
  controllerExpandSecretRef: f(9, SecretReference, 'Secret for resizing at the controller.'),
  nodeExpandSecretRef: f(10, SecretReference, 'Secret for resizing on a node.'),
});
export type CSIPersistentVolumeSource = TypeOf<typeof CSIPersistentVolumeSource>;
