import { NETWORK_USER } from '#pki/node-files.ts';
import type { PolicyRule } from '../rules.ts';
import { BOOTSTRAPPERS, type BootstrapRole, can, canNamed, DELEGATION, EVENTS, READ } from './role.ts';

const LIST = 'list watch';

/** To lead, one of several. */
const leading = (lease: string): PolicyRule[] => [
  can('create', 'coordination.k8s.io', 'leases'),
  canNamed('get update', 'coordination.k8s.io', 'leases', lease),
];

/** What is approved without anybody looking ("TLS bootstrapping", Approval). */
const approved = (subresource: string, groups: readonly string[]): BootstrapRole => ({
  name: `system:certificates.k8s.io:certificatesigningrequests:${subresource}`,
  rules: [can('create', 'certificates.k8s.io', `certificatesigningrequests/${subresource}`)],
  groups,
});

/** To approve what one signer is to sign. */
const approver = (signer: string): BootstrapRole => ({
  name: `system:certificates.k8s.io:${signer}-approver`,
  rules: [canNamed('approve', 'certificates.k8s.io', 'signers', `kubernetes.io/${signer}`)],
});

/**
 * What every agent may do, whatever pods it has; what it may do because of them decides authz/node.ts. The role of the same
 * name is bound to nobody, as since v1.8: the Node authorizer stands in for it.
 */
export const NODE_RULES: readonly PolicyRule[] = [
  ...DELEGATION,
  can('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  can(READ, 'core', 'services'),
  can('get', 'core', 'endpoints'),
  can(`${READ} create patch update`, 'core', 'nodes'),
  can('patch update', 'core', 'nodes/status'),
  can(`${READ} create delete`, 'core', 'pods'),
  can('patch update', 'core', 'pods/status'),
  can('create', 'core', 'pods/eviction'),
  can(`${READ} create`, 'certificates.k8s.io', 'certificatesigningrequests'),
  can(READ, 'storage.k8s.io', 'csidrivers'),
  can('get', 'storage.k8s.io', 'volumeattachments'),
  can(READ, 'node.k8s.io', 'runtimeclasses'),
  // Networks of pods besides their first: the agent makes them itself.
  can('get', 'k8s.cni.cncf.io', 'network-attachment-definitions'),
  EVENTS,
];

/** What the network of the pods reads on every node: routes lead to all nodes, policies name pods and namespaces. */
const NETWORK_RULES: readonly PolicyRule[] = [
  can(LIST, 'core', 'namespaces nodes pods'),
  can(LIST, 'networking.k8s.io', 'networkpolicies'),
];

/** What every agent might do besides, where nodes may read all: those of before had no credentials for the network. */
export const UNSELECTED_NODE_RULES: readonly PolicyRule[] = NETWORK_RULES;

/** What depends on the pods of an agent's node, if somebody binds the role all the same. */
const NODE_ROLE_RULES: readonly PolicyRule[] = [
  can(READ, 'core', 'configmaps secrets'),
  can('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  can('get patch update', 'core', 'persistentvolumeclaims/status'),
  can('create', 'core', 'serviceaccounts/token'),
  can('create delete get patch update', 'coordination.k8s.io', 'leases'),
  can('create delete get patch update', 'storage.k8s.io', 'csinodes'),
];

const SCHEDULER: readonly PolicyRule[] = [
  EVENTS,
  ...leading('kube-scheduler'),
  can(READ, 'core', 'namespaces nodes replicationcontrollers services'),
  can(`${READ} delete`, 'core', 'pods'),
  can('create', 'core', 'bindings pods/binding'),
  can('patch update', 'core', 'pods/status'),
  can(READ, 'apps extensions', 'replicasets'),
  can(READ, 'apps', 'statefulsets'),
  can(READ, 'policy', 'poddisruptionbudgets'),
  can(READ, 'core', 'persistentvolumeclaims persistentvolumes'),
  ...DELEGATION,
  can(READ, 'storage.k8s.io', 'csidrivers csinodes csistoragecapacities volumeattachments'),
];

/** Those of the control plane and of nodes: "Using RBAC Authorization", Core component roles. */
const CORE: readonly BootstrapRole[] = [
  { name: 'system:kube-scheduler', users: ['system:kube-scheduler'], rules: SCHEDULER },
  {
    name: 'system:volume-scheduler',
    users: ['system:kube-scheduler'],
    rules: [
      can(`${READ} patch update`, 'core', 'persistentvolumeclaims persistentvolumes'),
      can(READ, 'storage.k8s.io', 'storageclasses'),
    ],
  },
  {
    name: 'system:kube-controller-manager',
    users: ['system:kube-controller-manager'],
    // Our controllers share one identity; they manage every kind, custom ones included.
    rules: [can('*', '*', '*'), { verbs: ['get'], nonResourceURLs: ['*'] }],
  },
  { name: 'system:node', rules: [...NODE_RULES, ...NODE_ROLE_RULES] },
  {
    name: 'system:node-proxier',
    users: ['system:kube-proxy'],
    rules: [
      can(LIST, 'core', 'endpoints services'),
      can(READ, 'core', 'nodes'),
      EVENTS,
      can(LIST, 'discovery.k8s.io', 'endpointslices'),
      can(LIST, 'networking.k8s.io', 'servicecidrs'),
    ],
  },
];

/** "Using RBAC Authorization", Other component roles, and those of programs of our own. */
const OTHERS: readonly BootstrapRole[] = [
  // For extension API servers: they ask this one who sent a request, and whether that may be.
  { name: 'system:auth-delegator', rules: DELEGATION },
  {
    name: 'system:heapster',
    rules: [can(READ, 'core', 'events namespaces nodes pods'), can(READ, 'extensions', 'deployments')],
  },
  { name: 'system:kube-aggregator', rules: [can(READ, 'core', 'endpoints services')] },
  {
    name: NETWORK_USER,
    users: [NETWORK_USER],
    rules: NETWORK_RULES,
  },
  {
    name: 'system:kube-dns',
    users: ['system:kube-dns'],
    accounts: ['kube-dns'],
    rules: [
      can(LIST, 'core', 'endpoints'),
      can(READ, 'core', 'namespaces nodes'),
      // It keeps its own Service and the endpoint of each node in it.
      can(`${READ} create`, 'core', 'services'),
      can(`${READ} create delete update`, 'discovery.k8s.io', 'endpointslices'),
    ],
  },
  {
    name: 'system:ingress-controller',
    users: ['system:ingress-controller'],
    rules: [
      can(READ, 'core', 'nodes services'),
      // Certificates; it asks for those of type kubernetes.io/tls, which a rule cannot say.
      can(LIST, 'core', 'secrets'),
      can(READ, 'discovery.k8s.io', 'endpointslices'),
      can(READ, 'networking.k8s.io', 'ingresses'),
      can('update', 'networking.k8s.io', 'ingresses/status'),
      can(`${READ} create`, 'networking.k8s.io', 'ingressclasses'),
      EVENTS,
    ],
  },
  // Who speaks for the API server towards agents ("Kubelet authentication/authorization").
  {
    name: 'system:kubelet-api-admin',
    rules: [
      can(`${READ} proxy`, 'core', 'nodes'),
      can('*', 'core', 'nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats'),
    ],
  },
  {
    name: 'system:node-problem-detector',
    rules: [can('get', 'core', 'nodes'), can('patch', 'core', 'nodes/status'), EVENTS],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      can(`${READ} create delete`, 'core', 'persistentvolumes'),
      can(`${READ} update`, 'core', 'persistentvolumeclaims'),
      can(READ, 'storage.k8s.io', 'storageclasses'),
      can('watch', 'core', 'events'),
      EVENTS,
    ],
  },
];

const JOINING: readonly BootstrapRole[] = [
  {
    name: 'system:node-bootstrapper',
    groups: [BOOTSTRAPPERS],
    rules: [can(`${READ} create`, 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  approved('nodeclient', [BOOTSTRAPPERS]),
  approved('selfnodeclient', ['system:nodes']),
  approved('selfnodeserver', ['system:nodes']),
  approved('nodeservice', [BOOTSTRAPPERS, 'system:nodes']),
  ...['kube-apiserver-client', 'kube-apiserver-client-kubelet', 'kubelet-serving', 'legacy-unknown'].map(approver),
  // Who joins looks whether the name is free.
  { name: 'kubeadm:get-nodes', groups: [BOOTSTRAPPERS], rules: [can('get', 'core', 'nodes')] },
];

/** For the programs of a cluster. */
export const COMPONENT_ROLES: readonly BootstrapRole[] = [...CORE, ...OTHERS, ...JOINING];
