import { join } from 'node:path';
import {
  apiServerFlags,
  type ControlPlane,
  controllerManagerFlags,
  until,
  untilServes,
} from '../../bed/control-plane.ts';
import type { Layout } from '../../bed/layout.ts';
import { probe } from '../../bed/net.ts';
import { ManagedProcess } from '../../bed/process.ts';

/** Limits on what its clients send would be what is measured. */
const UNLIMITED = ['--kube-api-qps', '10000', '--kube-api-burst', '10000'];

/**
 * The Go implementation's control plane with the bed's etcd, certificates and ranges: what its programs and ours take for
 * the same work on the same machine can be compared. Written for v1.20, which Debian 12 has the source of.
 * @param dir holds kube-apiserver, kube-scheduler and kube-controller-manager.
 */
export function reference(dir: string): ControlPlane {
  const client = (layout: Layout, name: string, health: number): Pick<Go, 'args' | 'ready'> => ({
    args: [
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].flatMap((flag) => [
        `--${flag}`,
        join(layout.dir, 'conf', `${name}.conf`),
      ]),
      ...['--address', '127.0.0.1', '--port', String(health), '--secure-port', '0', ...UNLIMITED],
    ],
    ready: (signal) => until(name, signal, () => probe(`http://127.0.0.1:${health}/healthz`)),
  });
  const program = (layout: Layout, name: string, { command, args, ready }: Go): ManagedProcess =>
    new ManagedProcess({ name, command: join(dir, command), args, logFile: layout.log(name), supervised: true, ready });
  return {
    apiServers: (layout) =>
      layout.apiservers.map((port, i) => {
        const name = `apiserver${i + 1}`;
        const ready = (signal: AbortSignal): Promise<void> => untilServes(name, port, layout, signal);
        const args = [
          ...apiServerFlags(layout, port),
          ...['--authorization-mode', 'Node,RBAC', '--service-account-issuer', 'https://kubernetes.default.svc'],
          ...(layout.gateway ? ['--advertise-address', layout.gateway] : []),
        ];
        return program(layout, name, { command: 'kube-apiserver', args, ready });
      }),
    scheduler: (layout) =>
      program(layout, 'scheduler', {
        command: 'kube-scheduler',
        ...client(layout, 'scheduler', layout.schedulerHealth),
      }),
    controllerManager(layout, extra) {
      const { args, ready } = client(layout, 'controller-manager', layout.controllerManagerHealth);
      const command = 'kube-controller-manager';
      return program(layout, 'controller-manager', {
        command,
        args: [...args, ...controllerManagerFlags(layout), ...(extra['controller-manager'] ?? [])],
        ready,
      });
    },
  };
}

interface Go {
  readonly command: string;
  readonly args: readonly string[];
  readonly ready: (signal: AbortSignal) => Promise<void>;
}
