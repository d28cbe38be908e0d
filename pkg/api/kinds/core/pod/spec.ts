import { ObjectMeta } from '../../../meta/objectmeta.ts';
import {
  arr,
  bool,
  f,
  int32,
  int64,
  map,
  mapList,
  objectsIn,
  oneOf,
  req,
  str,
  type TypeOf,
} from '../../../schema/schema.ts';
import { LocalObjectReference } from '../references.ts';
import { PreemptionPolicy, ResourceList } from '../values.ts';
import { Affinity, Toleration, TopologySpreadConstraint } from './affinity.ts';
import { Container, EphemeralContainer } from './container.ts';
import { ResourceRequirements } from './resources.ts';
import { PodSecurityContext } from './security.ts';
import { Volume } from './volumes.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const HostAlias = obj('HostAlias', 'A line of /etc/hosts.', {
  ip: req(1, str, 'Address of the line.'),
  hostnames: f(2, arr(str), 'Names for the address.'),
});
export type HostAlias = TypeOf<typeof HostAlias>;

export const PodDNSConfigOption = obj('PodDNSConfigOption', 'One resolver option.', {
  name: f(1, str, 'Name of the option.'),
  value: f(2, str, 'Its value.', { ptr: true }),
});
export type PodDNSConfigOption = TypeOf<typeof PodDNSConfigOption>;

export const PodDNSConfig = obj('PodDNSConfig', 'Resolver settings, merged with those of the DNS policy.', {
  nameservers: f(1, arr(str), 'Name servers.'),
  searches: f(2, arr(str), 'Search domains.'),
  options: f(3, arr(PodDNSConfigOption), 'Resolver options.'),
});
export type PodDNSConfig = TypeOf<typeof PodDNSConfig>;

export const PodReadinessGate = obj('PodReadinessGate', 'A further condition a pod needs to be ready.', {
  conditionType: req(1, str, 'Type of the condition.'),
});
export type PodReadinessGate = TypeOf<typeof PodReadinessGate>;

export const PodOS = obj('PodOS', 'Operating system of a pod.', {
  name: req(1, str, 'linux or windows.'),
});
export type PodOS = TypeOf<typeof PodOS>;

export const PodSchedulingGate = obj('PodSchedulingGate', 'Holds back the scheduling of a pod while present.', {
  name: req(1, str, 'Name of the gate.'),
});
export type PodSchedulingGate = TypeOf<typeof PodSchedulingGate>;

export const PodResourceClaim = obj('PodResourceClaim', 'A resource claim the pod uses.', {
  name: req(1, str, 'Unique in the pod.'),
  resourceClaimName: f(3, str, 'An existing claim.', { ptr: true }),
  resourceClaimTemplateName: f(4, str, 'Template from which a claim is made for the pod.', { ptr: true }),
});
export type PodResourceClaim = TypeOf<typeof PodResourceClaim>;

export const PodSpec = obj('PodSpec', 'What a pod shall be.', {
  volumes: f(
    1,
    arr(Volume, { listType: 'map', mapKeys: ['name'], mergeKey: 'name', patchStrategy: 'merge,retainKeys' }),
    'Volumes containers can mount.',
  ),
  initContainers: f(20, mapList(Container, 'name'), 'Containers that run one after the other before the others.'),
  containers: req(2, mapList(Container, 'name'), 'Containers of the pod; at least one.'),
  ephemeralContainers: f(
    34,
    mapList(EphemeralContainer, 'name'),
    'Debugging containers, added through their own subresource.',
  ),
  restartPolicy: f(3, oneOf('Always', 'OnFailure', 'Never'), 'Whether ended containers are restarted.', {
    default: 'Always',
  }),
  terminationGracePeriodSeconds: f(4, int64, 'Seconds between the polite and the hard stop.', {
    ptr: true,
    default: 30,
  }),
  activeDeadlineSeconds: f(5, int64, 'Seconds after which the pod is failed.', { ptr: true }),
  dnsPolicy: f(6, oneOf('ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'), 'How names are resolved.', {
    default: 'ClusterFirst',
  }),
  nodeSelector: f(7, map(str, 'atomic'), 'Labels the node must have.'),
  serviceAccountName: f(8, str, 'Service account it runs as.'),
  serviceAccount: f(9, str, 'Old name of serviceAccountName.'),
  automountServiceAccountToken: f(21, bool, "Whether the account's token is mounted.", { ptr: true }),
  nodeName: f(10, str, 'Node it runs on; normally set by the scheduler.'),
  hostNetwork: f(11, bool, "Use the node's network."),
  hostPID: f(12, bool, "Use the node's process namespace."),
  hostIPC: f(13, bool, "Use the node's IPC namespace."),
  shareProcessNamespace: f(27, bool, 'One process namespace for all containers.', { ptr: true }),
  securityContext: f(14, PodSecurityContext, 'Identity and privileges of all containers.'),
  imagePullSecrets: f(15, mapList(LocalObjectReference, 'name'), 'Secrets with registry credentials.'),
  hostname: f(16, str, 'Host name of the pod; its name by default.'),
  subdomain: f(17, str, 'Makes its full name hostname.subdomain.namespace.svc.<domain>.'),
  affinity: f(18, Affinity, 'Scheduling constraints.'),
  schedulerName: f(19, str, 'Scheduler that places it.', { default: 'default-scheduler' }),
  tolerations: f(22, arr(Toleration), 'Taints it puts up with.'),
  hostAliases: f(23, mapList(HostAlias, 'ip'), 'Extra lines of /etc/hosts.'),
  priorityClassName: f(24, str, 'Priority class.'),
  priority: f(25, int32, 'Priority; set from the class.', { ptr: true }),
  dnsConfig: f(26, PodDNSConfig, 'Resolver settings.'),
  readinessGates: f(28, arr(PodReadinessGate), 'Further conditions it needs to be ready.'),
  runtimeClassName: f(29, str, 'Runtime class to run it with.', { ptr: true }),
  enableServiceLinks: f(30, bool, 'Whether services appear as environment variables.', { ptr: true }),
  preemptionPolicy: f(31, PreemptionPolicy, 'Whether it may evict pods of lower priority.', { ptr: true }),
  overhead: f(32, ResourceList, 'Resources used by the pod itself, from the runtime class.'),
  topologySpreadConstraints: f(
    33,
    mapList(TopologySpreadConstraint, 'topologyKey', ['topologyKey', 'whenUnsatisfiable']),
    'How pods spread over the cluster.',
  ),
  setHostnameAsFQDN: f(35, bool, 'Use the full name as host name.', { ptr: true }),
  os: f(36, PodOS, 'Operating system it needs.'),
  hostUsers: f(37, bool, "Whether the node's user namespace is used.", { ptr: true }),
  schedulingGates: f(38, mapList(PodSchedulingGate, 'name'), 'Hold back its scheduling while present.'),
  resourceClaims: f(
    39,
    arr(PodResourceClaim, { listType: 'map', mapKeys: ['name'], mergeKey: 'name', patchStrategy: 'merge,retainKeys' }),
    'Resource claims it uses.',
  ),
  resources: f(40, ResourceRequirements, 'Compute resources of the pod as a whole.'),
});
export type PodSpec = TypeOf<typeof PodSpec>;

export const PodTemplateSpec = obj('PodTemplateSpec', 'What pods made from a template look like.', {
  metadata: f(1, ObjectMeta, 'Labels and annotations of the pods.'),
  spec: f(2, PodSpec, 'Specification of the pods.', { default: {} }),
});
export type PodTemplateSpec = TypeOf<typeof PodTemplateSpec>;
