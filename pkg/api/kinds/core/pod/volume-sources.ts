import { LabelSelector } from '../../../meta/labelselector.ts';
import { ObjectMeta } from '../../../meta/objectmeta.ts';
import {
  arr,
  bool,
  f,
  int32,
  int64,
  map,
  objectsIn,
  oneOf,
  quantity,
  req,
  str,
  type TypeOf,
} from '../../../schema/schema.ts';
import { embed } from '../../embed.ts';
import { LocalObjectReference } from '../references.ts';
import { PullPolicy } from '../values.ts';
import { PersistentVolumeClaimSpec } from '../volume/claim-spec.ts';
import { ObjectFieldSelector, ResourceFieldSelector } from './env.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const HostPathVolumeSource = obj('HostPathVolumeSource', 'A file or directory of the node.', {
  path: req(1, str, 'Path on the node.'),
  type: f(
    2,
    oneOf('', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'),
    'What must be there before mounting.',
    { ptr: true, default: '' },
  ),
});
export type HostPathVolumeSource = TypeOf<typeof HostPathVolumeSource>;

export const EmptyDirVolumeSource = obj('EmptyDirVolumeSource', 'An empty directory that lives as long as the pod.', {
  medium: f(1, str, "Storage used: empty for the node's disk, Memory for tmpfs."),
  sizeLimit: f(2, quantity, 'Most it may hold.', { ptr: true }),
});
export type EmptyDirVolumeSource = TypeOf<typeof EmptyDirVolumeSource>;

export const KeyToPath = obj('KeyToPath', 'Places one key at a path.', {
  key: req(1, str, 'Key to place.'),
  path: req(2, str, 'Relative path of the file.'),
  mode: f(3, int32, 'Permission bits of the file.', { ptr: true }),
});
export type KeyToPath = TypeOf<typeof KeyToPath>;

export const SecretVolumeSource = obj('SecretVolumeSource', 'A secret as files.', {
  secretName: f(1, str, 'Name of the secret.'),
  items: f(2, arr(KeyToPath), 'Keys to show, and where; all by default.'),
  defaultMode: f(3, int32, 'Permission bits of the files.', { ptr: true, default: 420 }),
  optional: f(4, bool, 'Whether the secret or its keys may be missing.', { ptr: true }),
});
export type SecretVolumeSource = TypeOf<typeof SecretVolumeSource>;

export const ConfigMapVolumeSource = obj('ConfigMapVolumeSource', 'A config map as files.', {
  ...embed(1, LocalObjectReference),
  items: f(2, arr(KeyToPath), 'Keys to show, and where; all by default.'),
  defaultMode: f(3, int32, 'Permission bits of the files.', { ptr: true, default: 420 }),
  optional: f(4, bool, 'Whether the config map or its keys may be missing.', { ptr: true }),
});
export type ConfigMapVolumeSource = TypeOf<typeof ConfigMapVolumeSource>;

export const DownwardAPIVolumeFile = obj('DownwardAPIVolumeFile', 'A file with a field of the pod.', {
  path: req(1, str, 'Relative path of the file.'),
  fieldRef: f(2, ObjectFieldSelector, 'A field of the pod.'),
  resourceFieldRef: f(3, ResourceFieldSelector, 'A resource limit or request of a container.'),
  mode: f(4, int32, 'Permission bits of the file.', { ptr: true }),
});
export type DownwardAPIVolumeFile = TypeOf<typeof DownwardAPIVolumeFile>;

export const DownwardAPIVolumeSource = obj('DownwardAPIVolumeSource', 'Fields of the pod as files.', {
  items: f(1, arr(DownwardAPIVolumeFile), 'The files.'),
  defaultMode: f(2, int32, 'Permission bits of the files.', { ptr: true, default: 420 }),
});
export type DownwardAPIVolumeSource = TypeOf<typeof DownwardAPIVolumeSource>;

export const SecretProjection = obj('SecretProjection', 'A secret inside a projected volume.', {
  ...embed(1, LocalObjectReference),
  items: f(2, arr(KeyToPath), 'Keys to show, and where; all by default.'),
  optional: f(4, bool, 'Whether the secret or its keys may be missing.', { ptr: true }),
});
export type SecretProjection = TypeOf<typeof SecretProjection>;

export const ConfigMapProjection = obj('ConfigMapProjection', 'A config map inside a projected volume.', {
  ...embed(1, LocalObjectReference),
  items: f(2, arr(KeyToPath), 'Keys to show, and where; all by default.'),
  optional: f(4, bool, 'Whether the config map or its keys may be missing.', { ptr: true }),
});
export type ConfigMapProjection = TypeOf<typeof ConfigMapProjection>;

export const DownwardAPIProjection = obj('DownwardAPIProjection', 'Fields of the pod inside a projected volume.', {
  items: f(1, arr(DownwardAPIVolumeFile), 'The files.'),
});
export type DownwardAPIProjection = TypeOf<typeof DownwardAPIProjection>;

export const ServiceAccountTokenProjection = obj(
  'ServiceAccountTokenProjection',
  "A token of the pod's service account inside a projected volume.",
  {
    audience: f(1, str, 'Who the token is meant for; the API server by default.'),
    expirationSeconds: f(2, int64, 'Wanted lifetime of the token.', { ptr: true, default: 3600 }),
    path: req(3, str, 'Relative path of the file.'),
  },
);
export type ServiceAccountTokenProjection = TypeOf<typeof ServiceAccountTokenProjection>;

export const ClusterTrustBundleProjection = obj(
  'ClusterTrustBundleProjection',
  'Trust anchors inside a projected volume.',
  {
    name: f(1, str, 'One bundle, by name.', { ptr: true }),
    signerName: f(2, str, 'All bundles of a signer.', { ptr: true }),
    labelSelector: f(3, LabelSelector, "Which of the signer's bundles."),
    optional: f(5, bool, 'Whether the bundles may be missing.', { ptr: true }),
    path: req(4, str, 'Relative path of the file.'),
  },
);
export type ClusterTrustBundleProjection = TypeOf<typeof ClusterTrustBundleProjection>;

export const VolumeProjection = obj('VolumeProjection', 'One source of a projected volume; one of the fields is set.', {
  secret: f(1, SecretProjection, 'A secret.'),
  downwardAPI: f(2, DownwardAPIProjection, 'Fields of the pod.'),
  configMap: f(3, ConfigMapProjection, 'A config map.'),
  serviceAccountToken: f(4, ServiceAccountTokenProjection, 'A service account token.'),
  clusterTrustBundle: f(5, ClusterTrustBundleProjection, 'Trust anchors.'),
});
export type VolumeProjection = TypeOf<typeof VolumeProjection>;

export const ProjectedVolumeSource = obj('ProjectedVolumeSource', 'Several sources in one directory.', {
  sources: req(1, arr(VolumeProjection), 'The sources.'),
  defaultMode: f(2, int32, 'Permission bits of the files.', { ptr: true, default: 420 }),
});
export type ProjectedVolumeSource = TypeOf<typeof ProjectedVolumeSource>;

export const PersistentVolumeClaimVolumeSource = obj(
  'PersistentVolumeClaimVolumeSource',
  'The volume bound to a claim.',
  {
    claimName: req(1, str, "Name of the claim in the pod's namespace."),
    readOnly: f(2, bool, 'Mount it read-only whatever the mounts say.'),
  },
);
export type PersistentVolumeClaimVolumeSource = TypeOf<typeof PersistentVolumeClaimVolumeSource>;

export const PersistentVolumeClaimTemplate = obj('PersistentVolumeClaimTemplate', 'The claim of an ephemeral volume.', {
  metadata: f(1, ObjectMeta, 'Labels and annotations copied to the claim.'),
  spec: req(2, PersistentVolumeClaimSpec, 'Specification copied to the claim.'),
});
export type PersistentVolumeClaimTemplate = TypeOf<typeof PersistentVolumeClaimTemplate>;

export const EphemeralVolumeSource = obj('EphemeralVolumeSource', 'A volume whose claim lives as long as the pod.', {
  volumeClaimTemplate: f(1, PersistentVolumeClaimTemplate, 'The claim to make.'),
});
export type EphemeralVolumeSource = TypeOf<typeof EphemeralVolumeSource>;

export const CSIVolumeSource = obj('CSIVolumeSource', 'Storage of a CSI driver that lives as long as the pod.', {
  driver: req(1, str, 'Name of the driver.'),
  readOnly: f(2, bool, 'Mount it read-only.', { ptr: true }),
  fsType: f(3, str, "Filesystem; the driver's choice by default.", { ptr: true }),
  volumeAttributes: f(4, map(str), 'Settings for the driver.'),
  nodePublishSecretRef: f(5, LocalObjectReference, 'Secret passed to the driver.'),
});
export type CSIVolumeSource = TypeOf<typeof CSIVolumeSource>;

export const ImageVolumeSource = obj('ImageVolumeSource', "An image's files, read-only.", {
  reference: f(1, str, 'Image to mount.'),
  pullPolicy: f(2, PullPolicy, 'When to pull the image.'),
});
export type ImageVolumeSource = TypeOf<typeof ImageVolumeSource>;

export const NFSVolumeSource = obj('NFSVolumeSource', 'An NFS export.', {
  server: req(1, str, 'Host of the NFS server.'),
  path: req(2, str, 'Exported path.'),
  readOnly: f(3, bool, 'Mount it read-only.'),
});
export type NFSVolumeSource = TypeOf<typeof NFSVolumeSource>;
