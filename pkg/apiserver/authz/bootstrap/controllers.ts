import type { PolicyRule } from '../rules.ts';
import { type BootstrapRole, can, canNamed, EVENTS, READ } from './role.ts';

const LIST = 'list watch';
const APPS = 'apps extensions';

/** What the controller of a kind whose pods it makes may do: to the kind, its status and finalizers, and to pods. */
const owner = (verbs: string, groups: string, kind: string): PolicyRule[] => [
  can(verbs, groups, kind),
  can('update', groups, `${kind}/finalizers ${kind}/status`),
  can(`${LIST} create delete patch`, 'core', 'pods'),
  EVENTS,
];

const REVISIONS = can(`${READ} create delete patch update`, 'apps', 'controllerrevisions');

const WORKLOADS: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cronjob-controller': [
    can(`${READ} update`, 'batch', 'cronjobs'),
    can(`${READ} create delete patch update`, 'batch', 'jobs'),
    can('update', 'batch', 'cronjobs/finalizers cronjobs/status'),
    can(`${LIST} delete`, 'core', 'pods'),
    EVENTS,
  ],
  'daemon-set-controller': [
    ...owner(READ, APPS, 'daemonsets'),
    can(LIST, 'core', 'nodes'),
    can('create', 'core', 'pods/binding'),
    REVISIONS,
  ],
  'deployment-controller': [
    can(`${READ} update`, APPS, 'deployments'),
    can('update', APPS, 'deployments/finalizers deployments/status'),
    can(`${READ} create delete patch update`, APPS, 'replicasets'),
    can(`${READ} update`, 'core', 'pods'),
    EVENTS,
  ],
  'job-controller': owner(`${READ} patch update`, 'batch', 'jobs'),
  'replicaset-controller': owner(`${READ} update`, APPS, 'replicasets'),
  'replication-controller': owner(`${READ} update`, 'core', 'replicationcontrollers'),
  'statefulset-controller': [
    ...owner(READ, 'apps', 'statefulsets'),
    can('get update', 'core', 'pods'),
    can('update', 'core', 'pods/finalizers'),
    REVISIONS,
    can(`${READ} create delete update`, 'core', 'persistentvolumeclaims'),
  ],
  'ttl-after-finished-controller': [can(`${READ} delete`, 'batch', 'jobs'), EVENTS],
  'disruption-controller': [
    can(READ, APPS, 'deployments replicasets'),
    can(READ, 'core', 'replicationcontrollers'),
    can(READ, 'apps', 'statefulsets'),
    can(READ, 'policy', 'poddisruptionbudgets'),
    can('update', 'policy', 'poddisruptionbudgets/status'),
    can('patch update', 'core', 'pods/status'),
    can('get', '*', '*/scale'),
    EVENTS,
  ],
  'horizontal-pod-autoscaler': [
    can(READ, 'autoscaling', 'horizontalpodautoscalers'),
    can('update', 'autoscaling', 'horizontalpodautoscalers/status'),
    can('get update', '*', '*/scale'),
    can(LIST, 'core metrics.k8s.io', 'pods'),
    can(READ, 'custom.metrics.k8s.io external.metrics.k8s.io', '*'),
    EVENTS,
  ],
};

const NODES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'node-controller': [
    can(`${READ} delete patch update`, 'core', 'nodes'),
    can('patch update', 'core', 'nodes/status pods/status'),
    can(`${READ} delete`, 'core', 'pods'),
    EVENTS,
  ],
  'pod-garbage-collector': [
    can(`${LIST} delete`, 'core', 'pods'),
    can(READ, 'core', 'nodes'),
    can('patch', 'core', 'pods/status'),
  ],
  'route-controller': [can(LIST, 'core', 'nodes'), can('patch', 'core', 'nodes/status'), EVENTS],
  'ttl-controller': [can(`${LIST} patch update`, 'core', 'nodes'), EVENTS],
};

const NETWORK: Readonly<Record<string, readonly PolicyRule[]>> = {
  'endpoint-controller': [
    can(READ, 'core', 'pods services'),
    can(`${READ} create delete update`, 'core', 'endpoints'),
    can('create', 'core', 'endpoints/restricted'),
    EVENTS,
  ],
  'endpointslice-controller': [
    can(READ, 'core', 'nodes pods services'),
    can('update', 'core', 'services/finalizers'),
    can(`${READ} create delete update`, 'discovery.k8s.io', 'endpointslices'),
    EVENTS,
  ],
  'endpointslicemirroring-controller': [
    can(READ, 'core', 'endpoints services'),
    can('update', 'core', 'endpoints/finalizers services/finalizers'),
    can(`${READ} create delete update`, 'discovery.k8s.io', 'endpointslices'),
    EVENTS,
  ],
  'service-cidrs-controller': [
    can(`${READ} patch update`, 'networking.k8s.io', 'servicecidrs'),
    can('patch update', 'networking.k8s.io', 'servicecidrs/finalizers servicecidrs/status'),
    can(READ, 'networking.k8s.io', 'ipaddresses'),
    EVENTS,
  ],
  'service-controller': [
    can(READ, 'core', 'services'),
    can('patch update', 'core', 'services/status'),
    can(LIST, 'core', 'nodes'),
    EVENTS,
  ],
};

const VOLUMES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'attachdetach-controller': [
    can(LIST, 'core', 'persistentvolumeclaims persistentvolumes pods'),
    can(READ, 'core', 'nodes'),
    can('patch update', 'core', 'nodes/status'),
    can(`${READ} create delete`, 'storage.k8s.io', 'volumeattachments'),
    can(READ, 'storage.k8s.io', 'csidrivers csinodes'),
    EVENTS,
  ],
  'ephemeral-volume-controller': [
    can(READ, 'core', 'pods'),
    can('update', 'core', 'pods/finalizers'),
    can(`${READ} create`, 'core', 'persistentvolumeclaims'),
    EVENTS,
  ],
  'expand-controller': [
    can(`${READ} patch update`, 'core', 'persistentvolumes'),
    can('patch update', 'core', 'persistentvolumeclaims/status'),
    can(READ, 'core', 'persistentvolumeclaims'),
    EVENTS,
  ],
  'persistent-volume-binder': [
    can(`${READ} create delete update`, 'core', 'persistentvolumes'),
    can('update', 'core', 'persistentvolumeclaims/status persistentvolumes/status'),
    can(`${READ} update`, 'core', 'persistentvolumeclaims'),
    can(`${READ} create delete`, 'core', 'pods'),
    can(READ, 'storage.k8s.io', 'storageclasses'),
    can(LIST, 'core', 'nodes'),
    EVENTS,
    can('watch', 'core', 'events'),
  ],
  'pv-protection-controller': [can(`${READ} update`, 'core', 'persistentvolumes'), EVENTS],
  'pvc-protection-controller': [
    can(`${READ} update`, 'core', 'persistentvolumeclaims'),
    can(READ, 'core', 'pods'),
    EVENTS,
  ],
  'selinux-warning-controller': [
    EVENTS,
    can(READ, 'core', 'persistentvolumeclaims persistentvolumes pods'),
    can(READ, 'storage.k8s.io', 'csidrivers'),
  ],
};

const SIGNERS = ['kube-apiserver-client', 'kube-apiserver-client-kubelet', 'kubelet-serving', 'legacy-unknown'];

const CLUSTER: Readonly<Record<string, readonly PolicyRule[]>> = {
  'certificate-controller': [
    can(`${READ} delete`, 'certificates.k8s.io', 'certificatesigningrequests'),
    can('update', 'certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status'),
    canNamed('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
    canNamed('sign', 'certificates.k8s.io', 'signers', SIGNERS.map((name) => `kubernetes.io/${name}`).join(' ')),
    can('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    EVENTS,
  ],
  'clusterrole-aggregation-controller': [
    can(`${READ} escalate patch update`, 'rbac.authorization.k8s.io', 'clusterroles'),
  ],
  'generic-garbage-collector': [can(`${READ} delete patch update`, '*', '*'), EVENTS],
  'legacy-service-account-token-cleaner': [
    canNamed('get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'),
    can('delete patch', 'core', 'secrets'),
  ],
  'namespace-controller': [
    can(`${READ} delete`, 'core', 'namespaces'),
    can('update', 'core', 'namespaces/finalize namespaces/status'),
    can(`${READ} delete deletecollection`, '*', '*'),
  ],
  'resourcequota-controller': [can(LIST, '*', '*'), can('update', 'core', 'resourcequotas/status'), EVENTS],
  'root-ca-cert-publisher': [can('create update', 'core', 'configmaps'), EVENTS],
  'service-account-controller': [can('create', 'core', 'serviceaccounts'), EVENTS],
  'validatingadmissionpolicy-status-controller': [
    can(READ, 'admissionregistration.k8s.io', 'validatingadmissionpolicies'),
    can('get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'),
    EVENTS,
  ],
};

/**
 * One for each controller, bound to the service account of its name: for managers that run every controller under an account
 * of its own ("Using RBAC Authorization", Roles for built-in controllers).
 */
export const CONTROLLER_ROLES: readonly BootstrapRole[] = Object.entries({
  ...WORKLOADS,
  ...NODES,
  ...NETWORK,
  ...VOLUMES,
  ...CLUSTER,
}).map(([account, rules]) => ({ name: `system:controller:${account}`, rules, accounts: [account] }));
