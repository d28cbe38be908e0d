import { BOOTSTRAPPERS, can, canNamed, EVENTS, type NamespacedBootstrapRole, READ } from './role.ts';

/** To lead, one of several; by any lease of kube-system. */
const leading = (program: string): NamespacedBootstrapRole => ({
  name: `system::leader-locking-${program}`,
  namespace: 'kube-system',
  rules: [can(`${READ} create update`, 'coordination.k8s.io', 'leasecandidates leases')],
  users: [`system:${program}`],
  accounts: [program],
});

/** Roles of namespaces that exist from the first start. */
export const NAMESPACED_ROLES: readonly NamespacedBootstrapRole[] = [
  {
    // How extension API servers learn which front proxies to believe.
    name: 'extension-apiserver-authentication-reader',
    namespace: 'kube-system',
    binding: 'system::extension-apiserver-authentication-reader',
    rules: [canNamed(READ, 'core', 'configmaps', 'extension-apiserver-authentication')],
    users: ['system:kube-controller-manager', 'system:kube-scheduler'],
    // Agents check their clients by the same authority as the API server.
    groups: [BOOTSTRAPPERS, 'system:nodes'],
  },
  leading('kube-controller-manager'),
  leading('kube-scheduler'),
  {
    name: 'system:controller:bootstrap-signer',
    namespace: 'kube-public',
    rules: [can(READ, 'core', 'configmaps'), canNamed('update', 'core', 'configmaps', 'cluster-info'), EVENTS],
    accounts: ['bootstrap-signer'],
  },
  {
    name: 'system:controller:bootstrap-signer',
    namespace: 'kube-system',
    rules: [can(READ, 'core', 'secrets')],
    accounts: ['bootstrap-signer'],
  },
  {
    name: 'system:controller:cloud-provider',
    namespace: 'kube-system',
    rules: [can(`${READ} create`, 'core', 'configmaps')],
    accounts: ['cloud-provider'],
  },
  {
    name: 'system:controller:token-cleaner',
    namespace: 'kube-system',
    rules: [can(`${READ} delete`, 'core', 'secrets'), EVENTS],
    accounts: ['token-cleaner'],
  },
  {
    // Whoever wants to join reads this before it can be known.
    name: 'kubeadm:bootstrap-signer-clusterinfo',
    namespace: 'kube-public',
    binding: 'system::kubeadm:bootstrap-signer-clusterinfo',
    rules: [canNamed('get', 'core', 'configmaps', 'cluster-info')],
    users: ['system:anonymous'],
  },
];
