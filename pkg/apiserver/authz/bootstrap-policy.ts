import type { PolicyRule } from './rules.ts';

/** A role that exists from the first start, and whom it is bound to. */
export interface BootstrapRole {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly groups?: readonly string[];
  readonly users?: readonly string[];
  /** Labels that collect the role into aggregated ones. */
  readonly labels?: Readonly<Record<string, string>>;
}

const READ = ['get', 'list', 'watch'] as const;
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;
const ALL = ['*'] as const;

const r = (apiGroups: string[], resources: string[], verbs: readonly string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
});
const EVENTS = r(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']);
const leases = (names?: string[]): PolicyRule[] => [
  r(['coordination.k8s.io'], ['leases'], ['create', 'get', 'list', 'watch']),
  {
    ...r(['coordination.k8s.io'], ['leases'], ['update', 'patch', 'delete']),
    ...(names ? { resourceNames: names } : {}),
  },
];
const READ_EVERYTHING: PolicyRule[] = [r(['*'], ['*'], READ)];

const WORKLOADS: PolicyRule[] = [
  r(
    [''],
    [
      'pods',
      'services',
      'endpoints',
      'configmaps',
      'persistentvolumeclaims',
      'replicationcontrollers',
      'serviceaccounts',
      'secrets',
      'events',
    ],
    [...READ, ...WRITE],
  ),
  r(
    [''],
    ['pods/log', 'pods/status', 'replicationcontrollers/status', 'replicationcontrollers/scale'],
    [...READ, ...WRITE],
  ),
  r(
    [''],
    ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy', 'services/proxy'],
    ['get', 'create', 'update', 'patch', 'delete'],
  ),
  r([''], ['pods/eviction'], ['create']),
  r([''], ['namespaces', 'resourcequotas', 'limitranges', 'bindings'], READ),
  r(
    ['apps'],
    [
      'deployments',
      'deployments/scale',
      'replicasets',
      'replicasets/scale',
      'statefulsets',
      'statefulsets/scale',
      'daemonsets',
      'controllerrevisions',
    ],
    [...READ, ...WRITE],
  ),
  r(['batch'], ['jobs', 'cronjobs'], [...READ, ...WRITE]),
  r(['autoscaling'], ['horizontalpodautoscalers'], [...READ, ...WRITE]),
  r(['policy'], ['poddisruptionbudgets'], [...READ, ...WRITE]),
  r(['networking.k8s.io'], ['ingresses', 'networkpolicies'], [...READ, ...WRITE]),
  r(['discovery.k8s.io'], ['endpointslices'], READ),
];

const VIEW: PolicyRule[] = WORKLOADS.map((rule) => ({
  ...rule,
  resources: (rule.resources ?? []).filter(
    (x) => x !== 'secrets' && !/^pods\/(exec|attach|portforward|proxy|eviction)|services\/proxy/.test(x),
  ),
  verbs: READ,
})).filter((rule) => (rule.resources ?? []).length > 0);

/** Roles and bindings every cluster has: "Using RBAC Authorization", Default roles and role bindings. */
export const BOOTSTRAP_ROLES: readonly BootstrapRole[] = [
  {
    name: 'cluster-admin',
    groups: ['system:masters'],
    rules: [r(['*'], ['*'], ALL), { verbs: ALL, nonResourceURLs: ['*'] }],
  },
  {
    name: 'system:discovery',
    groups: ['system:authenticated'],
    rules: [
      {
        verbs: ['get'],
        nonResourceURLs: [
          '/api',
          '/api/*',
          '/apis',
          '/apis/*',
          '/openapi',
          '/openapi/*',
          '/version',
          '/version/',
          '/livez',
          '/readyz',
          '/healthz',
        ],
      },
    ],
  },
  {
    name: 'system:public-info-viewer',
    groups: ['system:authenticated', 'system:unauthenticated'],
    rules: [{ verbs: ['get'], nonResourceURLs: ['/livez', '/readyz', '/healthz', '/version', '/version/'] }],
  },
  {
    name: 'system:basic-user',
    groups: ['system:authenticated'],
    rules: [
      r(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
      r(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
    ],
  },
  {
    name: 'admin',
    rules: [...WORKLOADS, r(['rbac.authorization.k8s.io'], ['roles', 'rolebindings'], [...READ, ...WRITE])],
  },
  { name: 'edit', rules: WORKLOADS },
  { name: 'view', rules: VIEW },
  {
    name: 'system:kube-scheduler',
    users: ['system:kube-scheduler'],
    rules: [
      ...READ_EVERYTHING.map((x) => ({
        ...x,
        apiGroups: ['', 'apps', 'storage.k8s.io', 'policy', 'scheduling.k8s.io', 'resource.k8s.io'],
      })),
      EVENTS,
      ...leases(['kube-scheduler']),
      r([''], ['pods/binding', 'bindings'], ['create']),
      r([''], ['pods'], ['delete']),
      r([''], ['pods/status'], ['patch', 'update']),
    ],
  },
  {
    name: 'system:kube-controller-manager',
    users: ['system:kube-controller-manager'],
    // Our controllers share one identity; they manage every kind, custom ones included.
    rules: [r(['*'], ['*'], ALL), { verbs: ['get'], nonResourceURLs: ['*'] }],
  },
  {
    name: 'system:node',
    groups: ['system:nodes'],
    rules: [
      r([''], ['nodes'], ['create', ...READ, 'update', 'patch']),
      r([''], ['nodes/status'], ['update', 'patch']),
      r([''], ['pods'], [...READ, 'create', 'delete']),
      r([''], ['pods/status'], ['update', 'patch']),
      r([''], ['pods/eviction'], ['create']),
      r(
        [''],
        ['configmaps', 'secrets', 'services', 'endpoints', 'persistentvolumeclaims', 'persistentvolumes', 'namespaces'],
        READ,
      ),
      r([''], ['serviceaccounts'], ['get']),
      r([''], ['serviceaccounts/token'], ['create']),
      r(['node.k8s.io'], ['runtimeclasses'], READ),
      r(['storage.k8s.io'], ['csinodes', 'volumeattachments', 'csidrivers'], READ),
      r(['discovery.k8s.io'], ['endpointslices'], READ),
      r(['certificates.k8s.io'], ['certificatesigningrequests'], ['create', ...READ]),
      r(['authentication.k8s.io'], ['tokenreviews'], ['create']),
      r(['authorization.k8s.io'], ['subjectaccessreviews', 'localsubjectaccessreviews'], ['create']),
      EVENTS,
      ...leases(),
    ],
  },
  {
    name: 'system:node-proxier',
    users: ['system:kube-proxy'],
    rules: [
      r([''], ['services', 'endpoints', 'nodes'], READ),
      r(['discovery.k8s.io'], ['endpointslices'], READ),
      r(['networking.k8s.io'], ['servicecidrs'], READ),
      EVENTS,
    ],
  },
  {
    name: 'system:kube-dns',
    users: ['system:kube-dns'],
    rules: [
      r([''], ['namespaces', 'nodes'], READ),
      // It keeps its own Service and the endpoint of each node in it.
      r([''], ['services'], ['create', ...READ]),
      r(['discovery.k8s.io'], ['endpointslices'], ['create', 'update', 'delete', ...READ]),
    ],
  },
];
