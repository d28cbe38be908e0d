import { join } from 'node:path';
import { authorityFile, nodeKubeconfigFile, nodeServingFile } from '#pki/pki.ts';
import { type ExtraFlags, until } from './control-plane.ts';
import { bin } from './layout.ts';
import { probe } from './net.ts';
import type { BedNode } from './node.ts';
import type { ManagedProcess } from './process.ts';

const CLUSTER_DNS = '10.96.0.10';

/** Where the files of a cluster are. */
export interface Place {
  /** The cluster folder. */
  readonly dir: string;
  /** A file of the pki folder. */
  pki(file: string): string;
  log(name: string): string;
}

/** A machine of the bed as a node of the cluster. */
export interface ClusterNode extends BedNode {
  readonly agent: ManagedProcess;
  readonly proxy: ManagedProcess;
  readonly dns: ManagedProcess;
}

/** The processes of a node, not started. A power cut takes them along; `powerOn` starts them again with the machine. */
export function clusterNode(place: Place, machine: BedNode, extra: ExtraFlags): ClusterNode {
  const { name } = machine;
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
      ...['--cluster-cidr', '10.244.0.0/16', '--health-address', '0.0.0.0:10256'],
      ...(extra.proxy ?? []),
    ],
    logFile: place.log(`proxy-${name}`),
    ready: (signal) => until(`proxy of ${name}`, signal, () => probe(`http://${machine.address}:10256/healthz`)),
  });
  const dns = machine.process({
    name: `dns-${name}`,
    command: bin('dns'),
    args: [
      ...['--kubeconfig', join(place.dir, 'conf/dns.conf'), '--node-name', name, '--address', machine.address],
      ...['--cluster-dns', CLUSTER_DNS, '--health-address', '0.0.0.0:10258'],
      ...(extra.dns ?? []),
    ],
    logFile: place.log(`dns-${name}`),
    ready: (signal) => until(`name server of ${name}`, signal, () => probe(`http://${machine.address}:10258/healthz`)),
  });
  const processes = [agent, proxy, dns];
  return {
    ...machine,
    agent,
    proxy,
    dns,
    async powerOff() {
      await machine.powerOff();
      await Promise.all(processes.map((p) => p.exited));
    },
    async powerOn() {
      await machine.powerOn();
      await Promise.all(processes.map((p) => p.start()));
    },
  };
}

function agentFlags(place: Place, machine: BedNode, extra: readonly string[]): string[] {
  const serving = nodeServingFile(machine.name);
  return [
    ...['--kubeconfig', join(place.dir, nodeKubeconfigFile(machine.name))],
    ...['--node-name', machine.name, '--node-ip', machine.address, '--docker-host', machine.dockerHost],
    ...['--root-dir', join(machine.dir, 'agent'), '--cgroup-root', machine.cgroupRoot],
    ...['--tls-cert-file', place.pki(`${serving}.crt`), '--tls-private-key-file', place.pki(`${serving}.key`)],
    ...['--client-ca-file', place.pki(`${authorityFile('client')}.crt`)],
    ...['--address', '0.0.0.0', '--port', '10250', '--pause-image', 'coxswain/pause:1'],
    ...['--cluster-dns', CLUSTER_DNS, '--cluster-domain', 'cluster.local', '--cluster-cidr', '10.244.0.0/16'],
    ...['--network-backend', 'host-gw', '--health-address', '0.0.0.0:10248'],
    ...extra,
  ];
}
