import type { Kind } from '../kind.ts';
import { MutatingWebhookConfigurations } from './admissionregistration/mutatingwebhook.ts';
import { ValidatingAdmissionPolicies } from './admissionregistration/policy.ts';
import { ValidatingAdmissionPolicyBindings } from './admissionregistration/policybinding.ts';
import { ValidatingWebhookConfigurations } from './admissionregistration/validatingwebhook.ts';
import { CustomResourceDefinitions } from './apiextensions/customresourcedefinition.ts';
import { APIServices } from './apiregistration/apiservice.ts';
import { ControllerRevisions } from './apps/controllerrevision.ts';
import { DaemonSets } from './apps/daemonset.ts';
import { Deployments } from './apps/deployment.ts';
import { ReplicaSets } from './apps/replicaset.ts';
import { StatefulSets } from './apps/statefulset.ts';
import { SelfSubjectReviews } from './authentication/selfsubjectreview.ts';
import { TokenReviews } from './authentication/tokenreview.ts';
import { LocalSubjectAccessReviews } from './authorization/localsubjectaccessreview.ts';
import { SelfSubjectAccessReviews } from './authorization/selfsubjectaccessreview.ts';
import { SelfSubjectRulesReviews } from './authorization/selfsubjectrulesreview.ts';
import { SubjectAccessReviews } from './authorization/subjectaccessreview.ts';
import { HorizontalPodAutoscalers } from './autoscaling/horizontalpodautoscaler.ts';
import { CronJobs } from './batch/cronjob.ts';
import { Jobs } from './batch/job.ts';
import { CertificateSigningRequests } from './certificates/certificatesigningrequest.ts';
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
import { FlowSchemas } from './flowcontrol/flowschema.ts';
import { PriorityLevelConfigurations } from './flowcontrol/prioritylevel.ts';
import { Ingresses } from './networking/ingress.ts';
import { IngressClasses } from './networking/ingressclass.ts';
import { IPAddresses } from './networking/ipaddress.ts';
import { NetworkPolicies } from './networking/networkpolicy.ts';
import { ServiceCIDRs } from './networking/servicecidr.ts';
import { RuntimeClasses } from './node/runtimeclass.ts';
import { PodDisruptionBudgets } from './policy/poddisruptionbudget.ts';
import { ClusterRoles } from './rbac/clusterrole.ts';
import { ClusterRoleBindings } from './rbac/clusterrolebinding.ts';
import { Roles } from './rbac/role.ts';
import { RoleBindings } from './rbac/rolebinding.ts';
import { PriorityClasses } from './scheduling/priorityclass.ts';
import { CSIDrivers } from './storage/csidriver.ts';
import { CSINodes } from './storage/csinode.ts';
import { CSIStorageCapacities } from './storage/csistoragecapacity.ts';
import { StorageClasses } from './storage/storageclass.ts';
import { VolumeAttachments } from './storage/volumeattachment.ts';
import { VolumeAttributesClasses } from './storage/volumeattributesclass.ts';

/**
 * Every kind the server serves without being told; CRDs come on top. Kinds that are only spoken by subresources
 * (Eviction, TokenRequest, Scale) are not among them. The hooks of a kind take only its own objects, hence the cast.
 */
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
  CronJobs,
  Jobs,
  HorizontalPodAutoscalers,
  PodDisruptionBudgets,
  EndpointSlices,
  Leases,
  Ingresses,
  IngressClasses,
  IPAddresses,
  NetworkPolicies,
  ServiceCIDRs,
  PriorityClasses,
  CSIDrivers,
  CSINodes,
  CSIStorageCapacities,
  StorageClasses,
  VolumeAttachments,
  VolumeAttributesClasses,
  RuntimeClasses,
  ClusterRoles,
  ClusterRoleBindings,
  Roles,
  RoleBindings,
  SelfSubjectReviews,
  TokenReviews,
  LocalSubjectAccessReviews,
  SelfSubjectAccessReviews,
  SelfSubjectRulesReviews,
  SubjectAccessReviews,
  CertificateSigningRequests,
  MutatingWebhookConfigurations,
  ValidatingAdmissionPolicies,
  ValidatingAdmissionPolicyBindings,
  ValidatingWebhookConfigurations,
  CustomResourceDefinitions,
  APIServices,
  FlowSchemas,
  PriorityLevelConfigurations,
] as unknown as readonly Kind[];
