import type { CertificateSpec, KubeconfigSpec, PkiPlan } from './names.ts';
import { NETWORK_USER } from './node-files.ts';

/** What the cluster looks like, as far as certificates care. */
export interface ClusterShape {
  /** Extra names and addresses of the API servers and of the balancer before them. */
  readonly apiserverHosts?: readonly string[];
  /** First address of the service range: the `kubernetes` Service. */
  readonly serviceAddress?: string;
  /** etcd members and their names and addresses; default etcd1 to etcd3. */
  readonly etcd?: Readonly<Record<string, readonly string[]>>;
  /** Nodes and their addresses. */
  readonly nodes?: Readonly<Record<string, readonly string[]>>;
  /** URL in admin.conf. */
  readonly server: string;
  /** URL in the kubeconfigs of scheduler and controller manager; default: `server`. */
  readonly controlPlaneServer?: string;
  /** URL in the kubeconfigs of agents, proxies and name servers; default: `server`. */
  readonly nodeServer?: string;
}

const LOOPBACK = ['localhost', '127.0.0.1'];
const DEFAULT_MEMBERS = { etcd1: [], etcd2: [], etcd3: [] };

/** Certificate of a node agent's server, without extension. */
export const nodeServingFile = (node: string): string => `nodes/${node}`;
/** Kubeconfig of a node agent, below the cluster folder. */
export const nodeKubeconfigFile = (node: string): string => `conf/node-${node}.conf`;

/** Pure: everything that must exist for a cluster of this shape. */
export function planPki(shape: ClusterShape): PkiPlan {
  const nodes = Object.entries(shape.nodes ?? {});
  return {
    certificates: [
      ...Object.entries(shape.etcd ?? DEFAULT_MEMBERS).flatMap(([name, hosts]) => etcdMember(name, hosts)),
      apiserver(shape),
      client('apiserver-etcd-client', 'coxswain-apiserver', 'etcd-client'),
      client('apiserver-kubelet-client', 'kube-apiserver-kubelet-client', 'client', ['system:masters']),
      client('front-proxy-client', 'front-proxy-client', 'front-proxy'),
      client('users/admin', 'kubernetes-admin', 'client', ['system:masters']),
      client('users/scheduler', 'system:kube-scheduler', 'client'),
      client('users/controller-manager', 'system:kube-controller-manager', 'client'),
      client('users/proxy', 'system:kube-proxy', 'client'),
      client('users/dns', 'system:kube-dns', 'client'),
      client('users/network', NETWORK_USER, 'client'),
      client('users/ingress', 'system:ingress-controller', 'client'),
      ...nodes.flatMap(([name, hosts]) => node(name, hosts)),
    ],
    kubeconfigs: kubeconfigs(
      shape,
      nodes.map(([name]) => name),
    ),
  };
}

/** A member's server certificate is also its client certificate: etcd's own gateway dials itself with it. */
function etcdMember(name: string, hosts: readonly string[]): CertificateSpec[] {
  const both = { commonName: name, hosts: [name, ...LOOPBACK, ...hosts], usages: ['server', 'client'] } as const;
  return [
    { ...both, file: `etcd/${name}-peer`, authority: 'etcd-peer' },
    { ...both, file: `etcd/${name}-server`, authority: 'etcd-client' },
  ];
}

function apiserver(shape: ClusterShape): CertificateSpec {
  const service = 'kubernetes.default.svc.cluster.local'.split('.');
  return {
    file: 'apiserver',
    authority: 'apiserver',
    commonName: 'kube-apiserver',
    hosts: [
      ...[1, 2, 3, 5].map((labels) => service.slice(0, labels).join('.')),
      ...LOOPBACK,
      shape.serviceAddress ?? '10.96.0.1',
      ...(shape.apiserverHosts ?? []),
    ],
    usages: ['server'],
  };
}

function client(
  file: string,
  commonName: string,
  authority: CertificateSpec['authority'],
  organizations: readonly string[] = [],
): CertificateSpec {
  return { file, commonName, authority, organizations, usages: ['client'] };
}

function node(name: string, hosts: readonly string[]): CertificateSpec[] {
  const commonName = `system:node:${name}`;
  return [
    client(`users/node-${name}`, commonName, 'client', ['system:nodes']),
    {
      file: nodeServingFile(name),
      authority: 'node',
      commonName,
      organizations: ['system:nodes'],
      hosts: [name, ...LOOPBACK, ...hosts],
      usages: ['server'],
    },
  ];
}

function kubeconfigs(shape: ClusterShape, nodes: readonly string[]): KubeconfigSpec[] {
  const control = shape.controlPlaneServer ?? shape.server;
  const perNode = shape.nodeServer ?? shape.server;
  const spec = (file: string, userName: string, user: string, server: string): KubeconfigSpec => ({
    file,
    userName,
    certificate: `users/${user}`,
    server,
  });
  return [
    spec('admin.conf', 'kubernetes-admin', 'admin', shape.server),
    spec('conf/scheduler.conf', 'system:kube-scheduler', 'scheduler', control),
    spec('conf/controller-manager.conf', 'system:kube-controller-manager', 'controller-manager', control),
    spec('conf/proxy.conf', 'system:kube-proxy', 'proxy', perNode),
    spec('conf/dns.conf', 'system:kube-dns', 'dns', perNode),
    spec('conf/network.conf', NETWORK_USER, 'network', perNode),
    spec('conf/ingress.conf', 'system:ingress-controller', 'ingress', perNode),
    ...nodes.map((name) => spec(nodeKubeconfigFile(name), `system:node:${name}`, `node-${name}`, perNode)),
  ];
}
