import { f, objectsIn, req, str, type TypeOf } from '../../../schema/schema.ts';
import { embed } from '../../embed.ts';
import {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFileVolumeSource,
  CephFSVolumeSource,
  CinderVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  GitRepoVolumeSource,
  GlusterfsVolumeSource,
  ISCSIVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  RBDVolumeSource,
  ScaleIOVolumeSource,
  StorageOSVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from './network-volumes.ts';
import {
  ConfigMapVolumeSource,
  CSIVolumeSource,
  DownwardAPIVolumeSource,
  EmptyDirVolumeSource,
  EphemeralVolumeSource,
  HostPathVolumeSource,
  ImageVolumeSource,
  NFSVolumeSource,
  PersistentVolumeClaimVolumeSource,
  ProjectedVolumeSource,
  SecretVolumeSource,
} from './volume-sources.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const VolumeSource = obj('VolumeSource', "Where a volume's content comes from; one of the fields is set.", {
  hostPath: f(1, HostPathVolumeSource, 'A path of the node.'),
  emptyDir: f(2, EmptyDirVolumeSource, 'An empty directory.'),
  gcePersistentDisk: f(3, GCEPersistentDiskVolumeSource, 'A Google Compute Engine disk.'),
  awsElasticBlockStore: f(4, AWSElasticBlockStoreVolumeSource, 'An AWS EBS disk.'),
  gitRepo: f(5, GitRepoVolumeSource, 'A cloned git repository.'),
  secret: f(6, SecretVolumeSource, 'A secret.'),
  nfs: f(7, NFSVolumeSource, 'An NFS export.'),
  iscsi: f(8, ISCSIVolumeSource, 'An iSCSI disk.'),
  glusterfs: f(9, GlusterfsVolumeSource, 'A Glusterfs volume.'),
  persistentVolumeClaim: f(10, PersistentVolumeClaimVolumeSource, 'The volume bound to a claim.'),
  rbd: f(11, RBDVolumeSource, 'A Ceph block device.'),
  flexVolume: f(12, FlexVolumeSource, 'A volume of an exec-based plugin.'),
  cinder: f(13, CinderVolumeSource, 'An OpenStack Cinder volume.'),
  cephfs: f(14, CephFSVolumeSource, 'A Ceph filesystem.'),
  flocker: f(15, FlockerVolumeSource, 'A Flocker volume.'),
  downwardAPI: f(16, DownwardAPIVolumeSource, 'Fields of the pod.'),
  fc: f(17, FCVolumeSource, 'A Fibre Channel disk.'),
  azureFile: f(18, AzureFileVolumeSource, 'An Azure file share.'),
  configMap: f(19, ConfigMapVolumeSource, 'A config map.'),
  vsphereVolume: f(20, VsphereVirtualDiskVolumeSource, 'A vSphere disk.'),
  quobyte: f(21, QuobyteVolumeSource, 'A Quobyte volume.'),
  azureDisk: f(22, AzureDiskVolumeSource, 'An Azure data disk.'),
  photonPersistentDisk: f(23, PhotonPersistentDiskVolumeSource, 'A Photon disk.'),
  projected: f(26, ProjectedVolumeSource, 'Several sources in one directory.'),
  portworxVolume: f(24, PortworxVolumeSource, 'A Portworx volume.'),
  scaleIO: f(25, ScaleIOVolumeSource, 'A ScaleIO volume.'),
  storageos: f(27, StorageOSVolumeSource, 'A StorageOS volume.'),
  csi: f(28, CSIVolumeSource, 'Storage of a CSI driver.'),
  ephemeral: f(29, EphemeralVolumeSource, 'A volume whose claim lives as long as the pod.'),
  image: f(30, ImageVolumeSource, "An image's files."),
});
export type VolumeSource = TypeOf<typeof VolumeSource>;

export const Volume = obj('Volume', 'A named volume that containers of the pod can mount.', {
  name: req(1, str, 'Unique in the pod.'),
  ...embed(2, VolumeSource),
});
export type Volume = TypeOf<typeof Volume>;
