import { join } from 'node:path';
import { authorityFile, nodeKubeconfigFile, nodeServingFile } from '#pki/pki.ts';
import { type ExtraFlags, until } from './control-plane.ts';
import { addressesOf, bin, type Ranges } from './layout.ts';
import { probe } from './net.ts';
import type { BedNode } from './node.ts';
import type { ManagedProcess } from './process.ts';

/** Where the files of a cluster are. */
export interface Place {
  /** The cluster folder. */
  readonly dir: string;
  readonly ranges: Ranges;
  /** Short times for leases: a silent node is soon known. */
  readonly fast: boolean;
  /** A file of the pki folder. */
  pki(file: string): string;
  log(name: string): string;
}

/** A machine of the bed as a node of the cluster. */
export interface ClusterNode extends BedNode {
  readonly agent: ManagedProcess;
  readonly proxy: ManagedProcess;
  readonly dns: ManagedProcess;
  /** Of few clusters: it is started by who wants it. */
  readonly ingress: ManagedProcess;
}

/** The processes of a node, not started. A power cut takes them along; `powerOn` starts them again with the machine. */
export function clusterNode(place: Place, machine: BedNode, extra: ExtraFlags): ClusterNode {
  const { name } = machine;
  const own = addressesOf(place.ranges.families, machine);
  const agent = machine.process({
    name: `node-agent-${name}`,
    command: bin('node-agent'),
    args: agentFlags(place, machine, extra['node-agent'] ?? []),
    logFile: place.log(`node-agent-${name}`),
    ready: (signal) => until(`agent of ${name}`, signal, () => probe(`http://${machine.address}:10248/healthz`)),
  });
  const proxy = machine.process({
    name: `proxy-${name}`,
    command: bin('proxy'),
    args: [
      ...['--kubeconfig', join(place.dir, 'conf/proxy.conf'), '--node-name', name, '--proxy-mode', 'iptables'],
      ...['--cluster-cidr', place.ranges.pods, '--health-address', '0.0.0.0:10256'],
      ...(extra.proxy ?? []),
    ],
    logFile: place.log(`proxy-${name}`),
    ready: (signal) => until(`proxy of ${name}`, signal, () => probe(`http://${machine.address}:10256/version`)),
  });
  const dns = machine.process({
    name: `dns-${name}`,
    command: bin('dns'),
    args: [
      ...['--kubeconfig', join(place.dir, 'conf/dns.conf'), '--node-name', name, '--address', own[0] ?? ''],
      ...['--cluster-dns', place.ranges.dns, '--health-address', '0.0.0.0:10258'],
      ...(extra.dns ?? []),
    ],
    logFile: place.log(`dns-${name}`),
    ready: (signal) => until(`name server of ${name}`, signal, () => probe(`http://${machine.address}:10258/healthz`)),
  });
  const ingress = machine.process({
    name: `ingress-${name}`,
    command: bin('ingress'),
    args: [
      ...[
        '--kubeconfig',
        join(place.dir, 'conf/ingress.conf'),
        '--node-name',
        name,
        '--health-address',
        '0.0.0.0:10254',
      ],
      ...(extra.ingress ?? []),
    ],
    logFile: place.log(`ingress-${name}`),
    ready: (signal) => until(`ingress of ${name}`, signal, () => probe(`http://${machine.address}:10254/readyz`)),
  });
  const processes = [agent, proxy, dns];
  return {
    ...machine,
    agent,
    proxy,
    dns,
    ingress,
    async powerOff() {
      await machine.powerOff();
      await Promise.all([...processes, ingress].map((p) => p.exited));
    },
    async powerOn() {
      await machine.powerOn();
      await Promise.all(processes.map((p) => p.start()));
    },
  };
}

function agentFlags(place: Place, machine: BedNode, extra: readonly string[]): string[] {
  const serving = nodeServingFile(machine.name);
  const own = addressesOf(place.ranges.families, machine);
  return [
    ...['--kubeconfig', join(place.dir, nodeKubeconfigFile(machine.name))],
    ...['--node-name', machine.name, '--node-ip', own.join(), '--docker-host', machine.dockerHost],
    ...['--device-plugin-dir', join(machine.dir, 'device-plugins')],
    ...['--root-dir', join(machine.dir, 'agent'), '--cgroup-root', machine.cgroupRoot],
    ...['--tls-cert-file', place.pki(`${serving}.crt`), '--tls-private-key-file', place.pki(`${serving}.key`)],
    ...['--client-ca-file', place.pki(`${authorityFile('client')}.crt`)],
    ...[
      '--address',
      own.length > 1 || own[0] !== machine.address ? '::' : '0.0.0.0',
      '--port',
      '10250',
      '--pause-image',
      'coxswain/pause:1',
    ],
    ...['--cluster-dns', place.ranges.dns, '--cluster-domain', 'cluster.local', '--cluster-cidr', place.ranges.pods],
    ...['--network-backend', 'host-gw', '--health-address', '0.0.0.0:10248'],
    // Renewed every 2 s: an agent that is restarted, or comes late, is not called silent for that.
    ...(place.fast ? ['--node-lease-duration', '8'] : []),
    ...extra,
  ];
}
