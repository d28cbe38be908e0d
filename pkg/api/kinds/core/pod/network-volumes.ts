/** Volume sources of network storage systems; declared so that manifests decode, most run only through CSI drivers. */
import { arr, bool, f, int32, map, objectsIn, oneOf, req, str, type TypeOf } from '../../../schema/schema.ts';
import { LocalObjectReference } from '../references.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const GCEPersistentDiskVolumeSource = obj('GCEPersistentDiskVolumeSource', 'A Google Compute Engine disk.', {
  pdName: req(1, str, 'Name of the disk.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  partition: f(3, int32, 'Partition to mount; 0 for the whole disk.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
});
export type GCEPersistentDiskVolumeSource = TypeOf<typeof GCEPersistentDiskVolumeSource>;

export const AWSElasticBlockStoreVolumeSource = obj('AWSElasticBlockStoreVolumeSource', 'An AWS EBS disk.', {
  volumeID: req(1, str, 'Id of the volume.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  partition: f(3, int32, 'Partition to mount; 0 for the whole disk.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
});
export type AWSElasticBlockStoreVolumeSource = TypeOf<typeof AWSElasticBlockStoreVolumeSource>;

export const GitRepoVolumeSource = obj('GitRepoVolumeSource', 'A cloned git repository (deprecated).', {
  repository: req(1, str, 'URL of the repository.'),
  revision: f(2, str, 'Commit to check out.'),
  directory: f(3, str, 'Directory to clone into.'),
});
export type GitRepoVolumeSource = TypeOf<typeof GitRepoVolumeSource>;

export const ISCSIVolumeSource = obj('ISCSIVolumeSource', 'An iSCSI disk.', {
  targetPortal: req(1, str, 'Address of the target portal.'),
  iqn: req(2, str, 'Qualified name of the target.'),
  lun: req(3, int32, 'Logical unit number.'),
  iscsiInterface: f(4, str, 'Interface to use.', { default: 'default' }),
  fsType: f(5, str, 'Filesystem of the volume.'),
  readOnly: f(6, bool, 'Mount it read-only.'),
  portals: f(7, arr(str), 'Further portals.'),
  chapAuthDiscovery: f(8, bool, 'Use CHAP for discovery.'),
  chapAuthSession: f(11, bool, 'Use CHAP for sessions.'),
  secretRef: f(10, LocalObjectReference, 'Secret with credentials.'),
  initiatorName: f(12, str, 'Own initiator name.', { ptr: true }),
});
export type ISCSIVolumeSource = TypeOf<typeof ISCSIVolumeSource>;

export const GlusterfsVolumeSource = obj('GlusterfsVolumeSource', 'A Glusterfs volume.', {
  endpoints: req(1, str, 'Name of the endpoints object of the servers.'),
  path: req(2, str, 'Volume path.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
});
export type GlusterfsVolumeSource = TypeOf<typeof GlusterfsVolumeSource>;

export const RBDVolumeSource = obj('RBDVolumeSource', 'A Ceph block device.', {
  monitors: req(1, arr(str), 'Addresses of Ceph monitors.'),
  image: req(2, str, 'Name of the RBD image.'),
  fsType: f(3, str, 'Filesystem of the volume.'),
  pool: f(4, str, 'Name of the pool.', { default: 'rbd' }),
  user: f(5, str, 'Ceph user.', { default: 'admin' }),
  keyring: f(6, str, 'Path of the key ring.', { default: '/etc/ceph/keyring' }),
  secretRef: f(7, LocalObjectReference, 'Secret with credentials.'),
  readOnly: f(8, bool, 'Mount it read-only.'),
});
export type RBDVolumeSource = TypeOf<typeof RBDVolumeSource>;

export const FlexVolumeSource = obj('FlexVolumeSource', 'A volume of an exec-based plugin.', {
  driver: req(1, str, 'Name of the driver.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  secretRef: f(3, LocalObjectReference, 'Secret with credentials.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
  options: f(5, map(str), 'Settings for the driver.'),
});
export type FlexVolumeSource = TypeOf<typeof FlexVolumeSource>;

export const CinderVolumeSource = obj('CinderVolumeSource', 'An OpenStack Cinder volume.', {
  volumeID: req(1, str, 'Id of the volume.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
  secretRef: f(4, LocalObjectReference, 'Secret with credentials.'),
});
export type CinderVolumeSource = TypeOf<typeof CinderVolumeSource>;

export const CephFSVolumeSource = obj('CephFSVolumeSource', 'A Ceph filesystem.', {
  monitors: req(1, arr(str), 'Addresses of Ceph monitors.'),
  path: f(2, str, 'Mounted root within the filesystem.'),
  user: f(3, str, 'Ceph user.'),
  secretFile: f(4, str, 'Path of the key ring.'),
  secretRef: f(5, LocalObjectReference, 'Secret with credentials.'),
  readOnly: f(6, bool, 'Mount it read-only.'),
});
export type CephFSVolumeSource = TypeOf<typeof CephFSVolumeSource>;

export const FlockerVolumeSource = obj('FlockerVolumeSource', 'A Flocker volume (gone).', {
  datasetName: f(1, str, 'Name of the dataset.'),
  datasetUUID: f(2, str, 'UUID of the dataset.'),
});
export type FlockerVolumeSource = TypeOf<typeof FlockerVolumeSource>;

export const FCVolumeSource = obj('FCVolumeSource', 'A Fibre Channel disk.', {
  targetWWNs: f(1, arr(str), 'World wide names of the targets.'),
  lun: f(2, int32, 'Logical unit number.', { ptr: true }),
  fsType: f(3, str, 'Filesystem of the volume.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
  wwids: f(5, arr(str), 'World wide identifiers.'),
});
export type FCVolumeSource = TypeOf<typeof FCVolumeSource>;

export const AzureFileVolumeSource = obj('AzureFileVolumeSource', 'An Azure file share.', {
  secretName: req(1, str, "Secret with the account's name and key."),
  shareName: req(2, str, 'Name of the share.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
});
export type AzureFileVolumeSource = TypeOf<typeof AzureFileVolumeSource>;

export const VsphereVirtualDiskVolumeSource = obj('VsphereVirtualDiskVolumeSource', 'A vSphere disk.', {
  volumePath: req(1, str, 'Path of the disk.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  storagePolicyName: f(3, str, 'Name of the storage policy.'),
  storagePolicyID: f(4, str, 'Id of the storage policy.'),
});
export type VsphereVirtualDiskVolumeSource = TypeOf<typeof VsphereVirtualDiskVolumeSource>;

export const QuobyteVolumeSource = obj('QuobyteVolumeSource', 'A Quobyte volume.', {
  registry: req(1, str, 'Addresses of the registry.'),
  volume: req(2, str, 'Name of the volume.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
  user: f(4, str, 'User to map access to.'),
  group: f(5, str, 'Group to map access to.'),
  tenant: f(6, str, 'Tenant that owns the volume.'),
});
export type QuobyteVolumeSource = TypeOf<typeof QuobyteVolumeSource>;

export const AzureDiskVolumeSource = obj('AzureDiskVolumeSource', 'An Azure data disk.', {
  diskName: req(1, str, 'Name of the disk.'),
  diskURI: req(2, str, 'URI of the disk.'),
  cachingMode: f(3, oneOf('None', 'ReadOnly', 'ReadWrite'), 'Host caching.', { ptr: true, default: 'ReadWrite' }),
  fsType: f(4, str, 'Filesystem.', { ptr: true, default: 'ext4' }),
  readOnly: f(5, bool, 'Mount it read-only.', { ptr: true, default: false }),
  kind: f(6, oneOf('Dedicated', 'Managed', 'Shared'), 'Type of the disk.', { ptr: true, default: 'Shared' }),
});
export type AzureDiskVolumeSource = TypeOf<typeof AzureDiskVolumeSource>;

export const PhotonPersistentDiskVolumeSource = obj('PhotonPersistentDiskVolumeSource', 'A Photon disk.', {
  pdID: req(1, str, 'Id of the disk.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
});
export type PhotonPersistentDiskVolumeSource = TypeOf<typeof PhotonPersistentDiskVolumeSource>;

export const PortworxVolumeSource = obj('PortworxVolumeSource', 'A Portworx volume.', {
  volumeID: req(1, str, 'Id of the volume.'),
  fsType: f(2, str, 'Filesystem of the volume.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
});
export type PortworxVolumeSource = TypeOf<typeof PortworxVolumeSource>;

export const ScaleIOVolumeSource = obj('ScaleIOVolumeSource', 'A ScaleIO volume.', {
  gateway: req(1, str, 'Address of the gateway.'),
  system: req(2, str, 'Name of the storage system.'),
  secretRef: req(3, LocalObjectReference, 'Secret with credentials.'),
  sslEnabled: f(4, bool, 'Use TLS to the gateway.'),
  protectionDomain: f(5, str, 'Protection domain.'),
  storagePool: f(6, str, 'Storage pool.'),
  storageMode: f(7, str, 'Thick or thin provisioning.', { default: 'ThinProvisioned' }),
  volumeName: f(8, str, 'Name of the volume.'),
  fsType: f(9, str, 'Filesystem.', { default: 'xfs' }),
  readOnly: f(10, bool, 'Mount it read-only.'),
});
export type ScaleIOVolumeSource = TypeOf<typeof ScaleIOVolumeSource>;

export const StorageOSVolumeSource = obj('StorageOSVolumeSource', 'A StorageOS volume.', {
  volumeName: f(1, str, 'Name of the volume.'),
  volumeNamespace: f(2, str, 'Namespace of the volume within StorageOS.'),
  fsType: f(3, str, 'Filesystem of the volume.'),
  readOnly: f(4, bool, 'Mount it read-only.'),
  secretRef: f(5, LocalObjectReference, 'Secret with credentials.'),
});
export type StorageOSVolumeSource = TypeOf<typeof StorageOSVolumeSource>;
