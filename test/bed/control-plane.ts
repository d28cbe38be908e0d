import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostPort } from '#api/meta/ip.ts';
import { authorityFile } from '#pki/pki.ts';
import { renderLoadBalancer } from '../../deploy/loadbalancer.ts';
import { adminTls, bin, etcdAccess, etcdSocket, etcdTls, type Layout } from './layout.ts';
import { probe } from './net.ts';
import { ManagedProcess } from './process.ts';
import { waitFor } from './wait.ts';

/** Flags added to those of the bed, by component. */
export type ExtraFlags = Readonly<Partial<Record<Component, readonly string[]>>>;
export type Component =
  | 'etcd'
  | 'apiserver'
  | 'scheduler'
  | 'controller-manager'
  | 'node-agent'
  | 'proxy'
  | 'dns'
  | 'ingress';

/** Makes the processes of a control plane, not started. */
export interface ControlPlane {
  apiServers(layout: Layout, extra: ExtraFlags): ManagedProcess[];
  scheduler(layout: Layout, extra: ExtraFlags): ManagedProcess;
  controllerManager(layout: Layout, extra: ExtraFlags): ManagedProcess;
}

const READY_MS = 120_000;

/** Flags for a certificate and its key. */
const pair = (layout: Layout, file: string, certFlag: string, keyFlag: string): string[] => [
  ...[certFlag, layout.pki(`${file}.crt`)],
  ...[keyFlag, layout.pki(`${file}.key`)],
];
const ca = (layout: Layout, name: Parameters<typeof authorityFile>[0]): string =>
  layout.pki(`${authorityFile(name)}.crt`);

export function etcdMembers(layout: Layout, extra: ExtraFlags): ManagedProcess[] {
  const initial = layout.etcd.map((m) => `${m.name}=https://localhost:${m.peer}`).join(',');
  return layout.etcd.map(({ name, client, peer, socket }) => {
    const url = `https://localhost:${client}`;
    return new ManagedProcess({
      name,
      command: 'etcd',
      logFile: layout.log(name),
      socket,
      args: [
        ...['--name', name, '--data-dir', join(layout.dir, 'etcd', name), '--logger', 'zap', '--log-level', 'warn'],
        ...['--listen-client-urls', `https://127.0.0.1:${client},unix://${etcdSocket(name)}`],
        ...['--advertise-client-urls', url, '--enable-grpc-gateway=false'],
        ...['--listen-peer-urls', `https://127.0.0.1:${peer}`],
        ...['--initial-advertise-peer-urls', `https://localhost:${peer}`, '--initial-cluster', initial],
        ...['--initial-cluster-token', layout.dir],
        ...pair(layout, `etcd/${name}-server`, '--cert-file', '--key-file'),
        ...['--client-cert-auth', '--trusted-ca-file', ca(layout, 'etcd-client')],
        ...pair(layout, `etcd/${name}-peer`, '--peer-cert-file', '--peer-key-file'),
        ...['--peer-client-cert-auth', '--peer-trusted-ca-file', ca(layout, 'etcd-peer')],
        // 600 as in docker-compose.yml, but a machine that runs two test files at a time stalls for longer than that.
        ...['--heartbeat-interval', '100', '--election-timeout', layout.fast ? '1000' : '600'],
        ...(extra.etcd ?? []),
      ],
      ready: (signal) => {
        const tls = etcdTls(layout);
        return until(name, signal, async () => (await probe(`${url}/health`, tls)).includes('true'));
      },
    });
  });
}

/** What an API server of the bed is told, whoever made it. */
export const apiServerFlags = (layout: Layout, port: number): string[] => [
  ...['--etcd-servers', etcdAccess(layout).sockets.join(',')],
  ...['--bind-address', '127.0.0.1', '--secure-port', String(port)],
  ...pair(layout, 'apiserver', '--tls-cert-file', '--tls-private-key-file'),
  ...['--client-ca-file', ca(layout, 'client')],
  ...['--service-account-key-file', layout.pki('service-account.pub')],
  ...['--service-account-signing-key-file', layout.pki('service-account.key')],
  ...pair(layout, 'apiserver-kubelet-client', '--kubelet-client-certificate', '--kubelet-client-key'),
  ...['--kubelet-certificate-authority', ca(layout, 'node')],
  ...pair(layout, 'front-proxy-client', '--proxy-client-cert-file', '--proxy-client-key-file'),
  ...['--requestheader-client-ca-file', ca(layout, 'front-proxy')],
  ...['--requestheader-allowed-names', 'front-proxy-client'],
  ...['--service-cluster-ip-range', layout.ranges.services],
];

function apiServers(layout: Layout, extra: ExtraFlags): ManagedProcess[] {
  // What the Service "kubernetes" leads to is of its family.
  const advertised = layout.ranges.families.startsWith('IPv6') ? layout.gateway6 : layout.gateway;
  return layout.apiservers.map((port, i) => {
    const name = `apiserver${i + 1}`;
    return new ManagedProcess({
      name,
      command: bin('apiserver'),
      logFile: layout.log(name),
      args: [
        ...apiServerFlags(layout, port),
        ...(advertised ? ['--advertise-address', advertised, '--advertise-port', String(layout.port)] : []),
        ...(extra.apiserver ?? []),
      ],
      ready: (signal) => untilServes(name, port, layout, signal),
    });
  });
}

export function loadBalancer(layout: Layout): ManagedProcess {
  const config = join(layout.dir, 'haproxy.cfg');
  const hosts = ['127.0.0.1', layout.gateway, layout.gateway6].filter((host) => host !== undefined);
  writeFileSync(
    config,
    renderLoadBalancer({
      listen: hosts.map((host) => hostPort(host, layout.port)),
      servers: layout.apiservers.map((port) => `127.0.0.1:${port}`),
      caFile: ca(layout, 'apiserver'),
    }),
  );
  return new ManagedProcess({
    name: 'loadbalancer',
    command: 'haproxy',
    args: ['-db', '-f', config],
    logFile: layout.log('loadbalancer'),
    ready: (signal) => untilServes('loadbalancer', layout.port, layout, signal),
  });
}

export function untilServes(name: string, port: number, layout: Layout, signal: AbortSignal): Promise<void> {
  const tls = adminTls(layout);
  return until(name, signal, () => probe(`https://127.0.0.1:${port}/readyz`, tls));
}

/**
 * A leader begins with dozens of lists. On a machine that let it wait for three seconds then, each controller manager lost its
 * lease right after it had it, and so did the next.
 */
const FAST_ELECTION = [
  ...['--leader-elect-lease-duration', '10s', '--leader-elect-renew-deadline', '8s'],
  ...['--leader-elect-retry-period', '500ms'],
];

function scheduler(layout: Layout, extra: ExtraFlags): ManagedProcess {
  return elected(layout, 'scheduler', layout.schedulerHealth, extra.scheduler ?? []);
}

/** The same of a controller manager. */
export const controllerManagerFlags = (layout: Layout): string[] => [
  ...['--root-ca-file', ca(layout, 'apiserver')],
  ...['--service-account-private-key-file', layout.pki('service-account.key')],
  ...['--cluster-cidr', layout.ranges.pods, '--service-cluster-ip-range', layout.ranges.services],
  '--allocate-node-cidrs=true',
  ...pair(layout, authorityFile('client'), '--cluster-signing-cert-file', '--cluster-signing-key-file'),
];

function controllerManager(layout: Layout, extra: ExtraFlags): ManagedProcess {
  return elected(layout, 'controller-manager', layout.controllerManagerHealth, [
    ...controllerManagerFlags(layout),
    ...pair(
      layout,
      authorityFile('node'),
      '--cluster-signing-kubelet-serving-cert-file',
      '--cluster-signing-kubelet-serving-key-file',
    ),
    ...(layout.fast ? ['--node-monitor-grace-period', '15s'] : []),
    ...(extra['controller-manager'] ?? []),
  ]);
}

/** Coxswain's own. */
export const coxswain: ControlPlane = { apiServers, scheduler, controllerManager };

function elected(layout: Layout, name: string, health: number, flags: readonly string[]): ManagedProcess {
  return new ManagedProcess({
    name,
    command: bin(name),
    args: [
      ...['--kubeconfig', join(layout.dir, 'conf', `${name}.conf`), '--health-address', `127.0.0.1:${health}`],
      ...(layout.fast ? FAST_ELECTION : []),
      ...flags,
    ],
    logFile: layout.log(name),
    supervised: true,
    ready: (signal) => until(name, signal, () => probe(`http://127.0.0.1:${health}/healthz`)),
  });
}

export const until = async (name: string, signal: AbortSignal, check: () => Promise<unknown>): Promise<void> => {
  await waitFor(`${name} ready`, () => check().then(Boolean), { signal, timeoutMs: READY_MS, everyMs: 50 });
};
