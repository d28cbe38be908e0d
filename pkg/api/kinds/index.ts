import type { Kind } from '../kind.ts';
import { ControllerRevisions } from './apps/controllerrevision.ts';
import { DaemonSets } from './apps/daemonset.ts';
import { Deployments } from './apps/deployment.ts';
import { ReplicaSets } from './apps/replicaset.ts';
import { StatefulSets } from './apps/statefulset.ts';
import { Leases } from './coordination/lease.ts';
import { Bindings } from './core/binding.ts';
import { ComponentStatuses } from './core/componentstatus.ts';
import { ConfigMaps } from './core/configmap.ts';
import { EndpointsResource } from './core/endpoints.ts';
import { Events } from './core/event.ts';
import { LimitRanges } from './core/limitrange.ts';
import { Namespaces } from './core/namespace.ts';
import { Nodes } from './core/node/node.ts';
import { Pods } from './core/pod/pod.ts';
import { PodTemplates } from './core/pod/pod-template.ts';
import { ReplicationControllers } from './core/replicationcontroller.ts';
import { ResourceQuotas } from './core/resourcequota.ts';
import { Secrets } from './core/secret.ts';
import { Services } from './core/service/service.ts';
import { ServiceAccounts } from './core/serviceaccount.ts';
import { PersistentVolumeClaims } from './core/volume/claim.ts';
import { PersistentVolumes } from './core/volume/volume.ts';
import { EndpointSlices } from './discovery/endpointslice.ts';
import { ClusterRoles } from './rbac/clusterrole.ts';
import { ClusterRoleBindings } from './rbac/clusterrolebinding.ts';
import { Roles } from './rbac/role.ts';
import { RoleBindings } from './rbac/rolebinding.ts';

export { type ControllerRevision, ControllerRevisions } from './apps/controllerrevision.ts';
export {
  type DaemonSet,
  type DaemonSetCondition,
  type DaemonSetSpec,
  type DaemonSetStatus,
  DaemonSets,
  type DaemonSetUpdateStrategy,
  type RollingUpdateDaemonSet,
} from './apps/daemonset.ts';
export {
  type Deployment,
  type DeploymentCondition,
  type DeploymentSpec,
  type DeploymentStatus,
  type DeploymentStrategy,
  Deployments,
  type RollingUpdateDeployment,
} from './apps/deployment.ts';
export {
  type ReplicaSet,
  type ReplicaSetCondition,
  type ReplicaSetSpec,
  type ReplicaSetStatus,
  ReplicaSets,
} from './apps/replicaset.ts';
export {
  type RollingUpdateStatefulSetStrategy,
  type StatefulSet,
  type StatefulSetCondition,
  type StatefulSetOrdinals,
  type StatefulSetPersistentVolumeClaimRetentionPolicy,
  type StatefulSetSpec,
  type StatefulSetStatus,
  StatefulSets,
  type StatefulSetUpdateStrategy,
} from './apps/statefulset.ts';
export { type Lease, type LeaseSpec, Leases } from './coordination/lease.ts';
export { type Binding, Bindings } from './core/binding.ts';
export { type ComponentCondition, type ComponentStatus, ComponentStatuses } from './core/componentstatus.ts';
export { type ConfigMap, ConfigMaps } from './core/configmap.ts';
export {
  type EndpointAddress,
  type EndpointPort,
  type EndpointSubset,
  type Endpoints,
  EndpointsResource,
} from './core/endpoints.ts';
export { type Event, type EventSeries, type EventSource, Events } from './core/event.ts';
export { type LimitRange, type LimitRangeItem, type LimitRangeSpec, LimitRanges } from './core/limitrange.ts';
export {
  type Namespace,
  type NamespaceCondition,
  type NamespaceSpec,
  type NamespaceStatus,
  Namespaces,
} from './core/namespace.ts';
export { type Node, Nodes } from './core/node/node.ts';
export type { ConfigMapNodeConfigSource, NodeConfigSource, NodeSpec, Taint } from './core/node/spec.ts';
export type {
  AttachedVolume,
  ContainerImage,
  DaemonEndpoint,
  NodeAddress,
  NodeCondition,
  NodeConfigStatus,
  NodeDaemonEndpoints,
  NodeFeatures,
  NodeRuntimeHandler,
  NodeRuntimeHandlerFeatures,
  NodeStatus,
  NodeSwapStatus,
  NodeSystemInfo,
} from './core/node/status.ts';
export type {
  Affinity,
  NodeAffinity,
  PodAffinity,
  PodAffinityTerm,
  PodAntiAffinity,
  PreferredSchedulingTerm,
  Toleration,
  TopologySpreadConstraint,
  WeightedPodAffinityTerm,
} from './core/pod/affinity.ts';
export type {
  Container,
  ContainerPort,
  EphemeralContainer,
  EphemeralContainerCommon,
  VolumeDevice,
  VolumeMount,
} from './core/pod/container.ts';
export type {
  ConfigMapEnvSource,
  ConfigMapKeySelector,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
  SecretEnvSource,
  SecretKeySelector,
} from './core/pod/env.ts';
export type {
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
} from './core/pod/network-volumes.ts';
export { type Pod, Pods } from './core/pod/pod.ts';
export { type PodTemplate, PodTemplates } from './core/pod/pod-template.ts';
export type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  HTTPHeader,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ProbeHandler,
  SleepAction,
  TCPSocketAction,
} from './core/pod/probes.ts';
export type {
  ContainerResizePolicy,
  ResourceClaim,
  ResourceRequirements,
  VolumeResourceRequirements,
} from './core/pod/resources.ts';
export type {
  AppArmorProfile,
  Capabilities,
  PodSecurityContext,
  SELinuxOptions,
  SeccompProfile,
  SecurityContext,
  Sysctl,
  WindowsSecurityContextOptions,
} from './core/pod/security.ts';
export type {
  HostAlias,
  PodDNSConfig,
  PodDNSConfigOption,
  PodOS,
  PodReadinessGate,
  PodResourceClaim,
  PodSchedulingGate,
  PodSpec,
  PodTemplateSpec,
} from './core/pod/spec.ts';
export type {
  ContainerState,
  ContainerStateRunning,
  ContainerStateTerminated,
  ContainerStateWaiting,
  ContainerStatus,
  ContainerUser,
  HostIP,
  LinuxContainerUser,
  PodCondition,
  PodIP,
  PodResourceClaimStatus,
  PodStatus,
  ResourceHealth,
  ResourceStatus,
  VolumeMountStatus,
} from './core/pod/status.ts';
export type {
  ClusterTrustBundleProjection,
  ConfigMapProjection,
  ConfigMapVolumeSource,
  CSIVolumeSource,
  DownwardAPIProjection,
  DownwardAPIVolumeFile,
  DownwardAPIVolumeSource,
  EmptyDirVolumeSource,
  EphemeralVolumeSource,
  HostPathVolumeSource,
  ImageVolumeSource,
  KeyToPath,
  NFSVolumeSource,
  PersistentVolumeClaimTemplate,
  PersistentVolumeClaimVolumeSource,
  ProjectedVolumeSource,
  SecretProjection,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from './core/pod/volume-sources.ts';
export type { Volume, VolumeSource } from './core/pod/volumes.ts';
export type {
  LocalObjectReference,
  ObjectReference,
  SecretReference,
  TypedLocalObjectReference,
  TypedObjectReference,
} from './core/references.ts';
export {
  type ReplicationController,
  type ReplicationControllerCondition,
  type ReplicationControllerSpec,
  type ReplicationControllerStatus,
  ReplicationControllers,
} from './core/replicationcontroller.ts';
export {
  type ResourceQuota,
  type ResourceQuotaSpec,
  type ResourceQuotaStatus,
  ResourceQuotas,
  type ScopedResourceSelectorRequirement,
  type ScopeSelector,
} from './core/resourcequota.ts';
export { type Secret, Secrets } from './core/secret.ts';
export type {
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  TopologySelectorLabelRequirement,
  TopologySelectorTerm,
} from './core/selectors.ts';
export { type Service, Services } from './core/service/service.ts';
export type {
  ClientIPConfig,
  LoadBalancerIngress,
  LoadBalancerStatus,
  PortStatus,
  ServicePort,
  ServiceSpec,
  ServiceStatus,
  SessionAffinityConfig,
} from './core/service/spec.ts';
export { type ServiceAccount, ServiceAccounts } from './core/serviceaccount.ts';
export type { ConditionStatus, Protocol, PullPolicy, ResourceList, TaintEffect } from './core/values.ts';
export {
  type ModifyVolumeStatus,
  type PersistentVolumeClaim,
  type PersistentVolumeClaimCondition,
  type PersistentVolumeClaimStatus,
  PersistentVolumeClaims,
} from './core/volume/claim.ts';
export type { PersistentVolumeClaimSpec } from './core/volume/claim-spec.ts';
export {
  type PersistentVolume,
  type PersistentVolumeSource,
  type PersistentVolumeSpec,
  type PersistentVolumeStatus,
  PersistentVolumes,
  type VolumeNodeAffinity,
} from './core/volume/volume.ts';
export type {
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
} from './core/volume/volume-sources.ts';
export {
  type Endpoint,
  type EndpointConditions,
  type EndpointHints,
  type EndpointSlice,
  type EndpointSlicePort,
  EndpointSlices,
  type ForNode,
  type ForZone,
} from './discovery/endpointslice.ts';
export { type AggregationRule, type ClusterRole, ClusterRoles } from './rbac/clusterrole.ts';
export { type ClusterRoleBinding, ClusterRoleBindings } from './rbac/clusterrolebinding.ts';
export { type Role, Roles } from './rbac/role.ts';
export { type RoleBinding, RoleBindings } from './rbac/rolebinding.ts';
export type { PolicyRule, RoleRef, Subject } from './rbac/rules.ts';

/** Every kind the server serves without being told; CRDs come on top. The hooks of each take only its own objects. */
export const builtinKinds = [
  Bindings,
  ComponentStatuses,
  ConfigMaps,
  EndpointsResource,
  Events,
  LimitRanges,
  Namespaces,
  Nodes,
  PodTemplates,
  Pods,
  ReplicationControllers,
  ResourceQuotas,
  Secrets,
  Services,
  ServiceAccounts,
  PersistentVolumeClaims,
  PersistentVolumes,
  ControllerRevisions,
  DaemonSets,
  Deployments,
  ReplicaSets,
  StatefulSets,
  EndpointSlices,
  Leases,
  ClusterRoles,
  ClusterRoleBindings,
  Roles,
  RoleBindings,
] as unknown as readonly Kind[];
