import type { PolicyRule } from './rules.ts';

/** A role that exists from the first start, and whom it is bound to. */
export interface BootstrapRole {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly groups?: readonly string[];
  readonly users?: readonly string[];
  /** Labels that collect the role into aggregated ones. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Its rules are those of the roles with this label; `rules` is what it has before they have been gathered. */
  readonly gathers?: string;
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
const leases = (names: string[]): PolicyRule[] => [
  r(['coordination.k8s.io'], ['leases'], ['create', 'get', 'list', 'watch']),
  {
    ...r(['coordination.k8s.io'], ['leases'], ['update', 'patch', 'delete']),
    resourceNames: names,
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

/** Who has come with a bootstrap token. */
const BOOTSTRAPPERS = 'system:bootstrappers';

const approved = (subresource: string, groups: readonly string[]): BootstrapRole => ({
  name: `system:certificates.k8s.io:certificatesigningrequests:${subresource}`,
  rules: [r(['certificates.k8s.io'], [`certificatesigningrequests/${subresource}`], ['create'])],
  groups,
});

const AGGREGATE_TO = 'rbac.authorization.k8s.io/aggregate-to-';

/** A role for users, and the role of the system that it gathers beside those of others; `into` gathers it in turn. */
function aggregated(name: string, rules: readonly PolicyRule[], into?: string): BootstrapRole[] {
  const own = { name: `system:aggregate-to-${name}`, rules, labels: { [`${AGGREGATE_TO}${name}`]: 'true' } };
  const labels = into ? { [`${AGGREGATE_TO}${into}`]: 'true' } : {};
  return [
    own,
    { name, rules: name === 'admin' ? [...WORKLOADS, ...rules] : rules, labels, gathers: `${AGGREGATE_TO}${name}` },
  ];
}

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
    name: 'system:service-account-issuer-discovery',
    groups: ['system:serviceaccounts'],
    rules: [{ verbs: ['get'], nonResourceURLs: ['/.well-known/openid-configuration', '/openid/v1/jwks'] }],
  },
  {
    name: 'system:node-bootstrapper',
    groups: [BOOTSTRAPPERS],
    rules: [r(['certificates.k8s.io'], ['certificatesigningrequests'], ['create', ...READ])],
  },
  // What is approved without anybody looking ("TLS bootstrapping", approval).
  approved('nodeclient', [BOOTSTRAPPERS]),
  approved('selfnodeclient', ['system:nodes']),
  approved('selfnodeserver', ['system:nodes']),
  approved('nodeservice', [BOOTSTRAPPERS, 'system:nodes']),
  // Who joins looks whether the name is free.
  { name: 'kubeadm:get-nodes', groups: [BOOTSTRAPPERS], rules: [r([''], ['nodes'], ['get'])] },
  {
    name: 'system:basic-user',
    groups: ['system:authenticated'],
    rules: [
      r(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
      r(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
    ],
  },
  ...aggregated('admin', [r(['rbac.authorization.k8s.io'], ['roles', 'rolebindings'], [...READ, ...WRITE])]),
  ...aggregated('edit', WORKLOADS, 'admin'),
  ...aggregated('view', VIEW, 'edit'),
  {
    // For extension API servers: they ask this one who sent a request, and whether that may be.
    name: 'system:auth-delegator',
    rules: [
      r(['authentication.k8s.io'], ['tokenreviews'], ['create']),
      r(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
    ],
  },
  {
    name: 'system:aggregated-metrics-reader',
    rules: [r(['metrics.k8s.io'], ['nodes', 'pods'], READ)],
    labels: Object.fromEntries(['view', 'edit', 'admin'].map((role) => [`${AGGREGATE_TO}${role}`, 'true'])),
  },
  // Who speaks for the API server towards agents ("Kubelet authentication/authorization").
  {
    name: 'system:kubelet-api-admin',
    rules: [
      r([''], ['nodes'], READ),
      r([''], ['nodes'], ['proxy']),
      r([''], ['nodes/proxy', 'nodes/log', 'nodes/stats', 'nodes/metrics', 'nodes/pods', 'nodes/healthz'], ALL),
    ],
  },
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
      r([''], ['persistentvolumeclaims', 'persistentvolumes'], ['patch', 'update']),
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
      // Secrets, config maps, claims and tokens depend on the pods of the node: see authz/node.ts.
      r([''], ['services', 'endpoints', 'namespaces'], READ),
      r(['node.k8s.io'], ['runtimeclasses'], READ),
      r(['storage.k8s.io'], ['volumeattachments', 'csidrivers'], READ),
      r(['discovery.k8s.io'], ['endpointslices'], READ),
      r(['networking.k8s.io'], ['networkpolicies'], READ),
      // Networks of pods besides their first: the agent makes them itself.
      r(['k8s.cni.cncf.io'], ['network-attachment-definitions'], ['get']),
      r(['certificates.k8s.io'], ['certificatesigningrequests'], ['create', ...READ]),
      r(['authentication.k8s.io'], ['tokenreviews'], ['create']),
      r(['authorization.k8s.io'], ['subjectaccessreviews', 'localsubjectaccessreviews'], ['create']),
      EVENTS,
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
  {
    name: 'system:ingress-controller',
    users: ['system:ingress-controller'],
    rules: [
      r([''], ['services', 'nodes'], READ),
      // Certificates; it asks for those of type kubernetes.io/tls, which a rule cannot say.
      r([''], ['secrets'], ['list', 'watch']),
      r(['discovery.k8s.io'], ['endpointslices'], READ),
      r(['networking.k8s.io'], ['ingresses'], READ),
      r(['networking.k8s.io'], ['ingresses/status'], ['update']),
      r(['networking.k8s.io'], ['ingressclasses'], ['create', ...READ]),
      EVENTS,
    ],
  },
];

/** A role of one namespace that exists from the first start, and whom it is bound to. */
export interface NamespacedBootstrapRole extends Pick<BootstrapRole, 'name' | 'rules' | 'users' | 'groups'> {
  readonly namespace: string;
}

export const NAMESPACED_ROLES: readonly NamespacedBootstrapRole[] = [
  {
    // How extension API servers learn which front proxies to believe.
    name: 'extension-apiserver-authentication-reader',
    namespace: 'kube-system',
    rules: [{ ...r([''], ['configmaps'], READ), resourceNames: ['extension-apiserver-authentication'] }],
    users: ['system:kube-controller-manager', 'system:kube-scheduler'],
    // Agents check their clients by the same authority as the API server.
    groups: [BOOTSTRAPPERS, 'system:nodes'],
  },
  {
    // Whoever wants to join reads this before it can be known.
    name: 'kubeadm:bootstrap-signer-clusterinfo',
    namespace: 'kube-public',
    rules: [{ ...r([''], ['configmaps'], ['get']), resourceNames: ['cluster-info'] }],
    users: ['system:anonymous'],
  },
];
