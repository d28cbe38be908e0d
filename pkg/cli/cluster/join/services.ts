import { join } from 'node:path';
import { NETWORK_USER, NODE_CLIENT_FILE, NODE_SERVICE_FILES } from '#pki/node-files.ts';

/** Where the files of a node are, below one folder. */
export const nodePaths = (root: string) => ({
  pki: join(root, 'pki'),
  ca: join(root, 'pki', 'ca.crt'),
  clientCa: join(root, 'pki', 'client-ca.crt'),
  /** What the node is, for `cox cluster reset`. */
  joined: join(root, 'joined.json'),
  /** One script for each process. */
  run: join(root, 'run'),
  log: join(root, 'log'),
  conf: (name: string): string => join(root, 'conf', `${name}.conf`),
});

/** What this machine is as a node. */
export interface NodeShape {
  readonly root: string;
  readonly name: string;
  readonly address: string;
  readonly dockerHost: string;
  readonly clusterDns: string;
  readonly clusterCidr: string;
  readonly networkBackend: string;
  readonly proxyMode?: string;
  readonly cgroupRoot?: string;
}

/** Users of the kubeconfigs, and the file of each one's certificate. */
export const nodeUsers = (name: string): Readonly<Record<string, { user: string; file: string }>> => ({
  kubelet: { user: `system:node:${name}`, file: NODE_CLIENT_FILE },
  proxy: { user: 'system:kube-proxy', file: NODE_SERVICE_FILES['system:kube-proxy'] },
  dns: { user: 'system:kube-dns', file: NODE_SERVICE_FILES['system:kube-dns'] },
  network: { user: NETWORK_USER, file: NODE_SERVICE_FILES[NETWORK_USER] },
});

/** Pure: the command lines of a node's processes, by program. */
export function nodeServices(n: NodeShape): Readonly<Record<string, readonly string[]>> {
  const paths = nodePaths(n.root);
  return {
    'node-agent': [
      ...['--kubeconfig', paths.conf('kubelet'), '--cert-dir', paths.pki, '--client-ca-file', paths.clientCa],
      ...['--node-name', n.name, '--node-ip', n.address, '--docker-host', n.dockerHost],
      ...['--root-dir', join(n.root, 'agent'), '--cluster-dns', n.clusterDns, '--cluster-cidr', n.clusterCidr],
      ...['--network-backend', n.networkBackend],
      ...(n.cgroupRoot ? ['--cgroup-root', n.cgroupRoot] : []),
    ],
    proxy: [
      ...['--kubeconfig', paths.conf('proxy'), '--node-name', n.name, '--cluster-cidr', n.clusterCidr],
      ...(n.proxyMode ? ['--proxy-mode', n.proxyMode] : []),
    ],
    dns: [
      ...['--kubeconfig', paths.conf('dns'), '--node-name', n.name, '--address', n.address],
      ...['--cluster-dns', n.clusterDns],
    ],
  };
}

const quoted = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Pure: a script that becomes the program. */
export const scriptOf = (program: string, args: readonly string[]): string =>
  `#!/bin/sh\n# Written by "cox cluster join".\nexec ${[program, ...args].map(quoted).join(' ')}\n`;
