import type { PolicyRule } from '../rules.ts';
import { type BootstrapRole, can, canGet, READ, WRITE } from './role.ts';

const AGGREGATE_TO = 'rbac.authorization.k8s.io/aggregate-to-';

/** What may be seen of a namespace; no secrets, and no roles: who reads either may become somebody else. */
const VIEW: readonly PolicyRule[] = [
  can(
    READ,
    'core',
    'bindings configmaps endpoints events limitranges namespaces namespaces/status persistentvolumeclaims ' +
      'persistentvolumeclaims/status pods pods/log pods/status replicationcontrollers replicationcontrollers/scale ' +
      'replicationcontrollers/status resourcequotas resourcequotas/status serviceaccounts services services/status',
  ),
  can(READ, 'discovery.k8s.io', 'endpointslices'),
  can(
    READ,
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets ' +
      'replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
  ),
  can(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  can(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  can(
    READ,
    'extensions',
    'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status ' +
      'networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
  ),
  can(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  can(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
];

/**
 * What may be changed beside that. Endpoints and slices are not among it (CVE-2021-25740): whoever writes them leads others'
 * traffic to pods of other namespaces ("Using RBAC Authorization", Write access for EndpointSlices and Endpoints).
 */
const EDIT: readonly PolicyRule[] = [
  can(READ, 'core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  can('impersonate', 'core', 'serviceaccounts'),
  can(WRITE, 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
  can('create', 'core', 'pods/eviction'),
  can(
    WRITE,
    'core',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets ' +
      'serviceaccounts services services/proxy',
  ),
  can('create', 'core', 'serviceaccounts/token'),
  can(
    WRITE,
    'apps',
    'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets ' +
      'statefulsets/scale',
  ),
  can(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  can(WRITE, 'batch', 'cronjobs jobs'),
  can(
    WRITE,
    'extensions',
    'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets ' +
      'replicasets/scale replicationcontrollers/scale',
  ),
  can(WRITE, 'policy', 'poddisruptionbudgets'),
  can(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
  can(`${READ} ${WRITE}`, 'coordination.k8s.io', 'leases'),
];

const ADMIN: readonly PolicyRule[] = [
  can('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  can(`${READ} ${WRITE}`, 'rbac.authorization.k8s.io', 'rolebindings roles'),
];

/**
 * A role for users, and the role of the system that it gathers beside those of others; `into` gathers it in turn, and `all`
 * is what it holds when they have been gathered.
 */
function aggregated(
  name: string,
  own: readonly PolicyRule[],
  all: readonly PolicyRule[],
  into?: string,
): BootstrapRole[] {
  const label = (role: string): Record<string, string> => ({ [`${AGGREGATE_TO}${role}`]: 'true' });
  return [
    { name: `system:aggregate-to-${name}`, rules: own, labels: label(name) },
    { name, rules: all, labels: into ? label(into) : {}, gathers: `${AGGREGATE_TO}${name}` },
  ];
}

const HEALTH = ['/healthz', '/livez', '/readyz'];
const VERSION = ['/version', '/version/'];

/** For people and programs that use a cluster: "Using RBAC Authorization", API discovery roles and User-facing roles. */
export const USER_ROLES: readonly BootstrapRole[] = [
  {
    name: 'cluster-admin',
    groups: ['system:masters'],
    rules: [can('*', '*', '*'), { verbs: ['*'], nonResourceURLs: ['*'] }],
  },
  {
    name: 'system:discovery',
    groups: ['system:authenticated'],
    rules: [canGet('/api', '/api/*', '/apis', '/apis/*', ...HEALTH, '/openapi', '/openapi/*', ...VERSION)],
  },
  {
    name: 'system:public-info-viewer',
    groups: ['system:authenticated', 'system:unauthenticated'],
    rules: [canGet(...HEALTH, ...VERSION)],
  },
  {
    name: 'system:monitoring',
    groups: ['system:monitoring'],
    rules: [canGet(...HEALTH.flatMap((path) => [path, `${path}/*`]), '/metrics', '/metrics/slis')],
  },
  {
    name: 'system:service-account-issuer-discovery',
    groups: ['system:serviceaccounts'],
    rules: [canGet('/.well-known/openid-configuration', '/openid/v1/jwks')],
  },
  {
    name: 'system:basic-user',
    groups: ['system:authenticated'],
    rules: [
      can('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      can('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  ...aggregated('admin', ADMIN, [...ADMIN, ...EDIT, ...VIEW]),
  ...aggregated('edit', EDIT, [...EDIT, ...VIEW], 'admin'),
  ...aggregated('view', VIEW, VIEW, 'edit'),
  {
    name: 'system:aggregated-metrics-reader',
    rules: [can(READ, 'metrics.k8s.io', 'nodes pods')],
    labels: Object.fromEntries(['view', 'edit', 'admin'].map((role) => [`${AGGREGATE_TO}${role}`, 'true'])),
  },
];
