import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { authorityFile, pkiFolder } from '#pki/pki.ts';
import type { ProbeTls } from './net.ts';
import { freePorts } from './ports.ts';

export const repository = resolve(import.meta.dirname, '../..');
export const bin = (name: string): string => join(repository, 'bin', name);

/** Address families of a cluster, the primary one first. */
export type Families = 'IPv4' | 'IPv4,IPv6' | 'IPv6,IPv4' | 'IPv6';

/** Address ranges as flags name them: one, or one of each family. */
export interface Ranges {
  readonly families: Families;
  readonly pods: string;
  readonly services: string;
  /** The first address of the primary range of Services, and the one of kube-dns. */
  readonly kubernetes: string;
  readonly dns: string;
}

const OF_FAMILY = {
  IPv4: { pods: '10.244.0.0/16', services: '10.96.0.0/16', kubernetes: '10.96.0.1', dns: '10.96.0.10' },
  IPv6: { pods: 'fd00:10:244::/56', services: 'fd00:10:96::/112', kubernetes: 'fd00:10:96::1', dns: 'fd00:10:96::a' },
};
const list = (families: Families): (keyof typeof OF_FAMILY)[] =>
  families.split(',').map((f) => (f === 'IPv6' ? 'IPv6' : 'IPv4'));

export function rangesOf(families: Families): Ranges {
  const all = list(families).map((f) => OF_FAMILY[f]);
  const { kubernetes = '', dns = '' } = all[0] ?? {};
  return {
    ...{ families, kubernetes, dns },
    pods: all.map((r) => r.pods).join(),
    services: all.map((r) => r.services).join(),
  };
}

/** Those addresses of a machine that its cluster uses, the primary one first. */
export function addressesOf(families: Families, m: { address: string; address6: string | undefined }): string[] {
  return list(families).flatMap((f) => (f === 'IPv6' ? (m.address6 ?? []) : m.address));
}

/** etcd 3.4 knows sockets only by names like this one, in its working directory. */
export const etcdSocket = (member: string): string => `${member}:2379`;

interface EtcdMember {
  readonly name: string;
  /** Ports. */
  readonly client: number;
  readonly peer: number;
  /** Where the API servers reach it, as in docker-compose.yml. */
  readonly socket: string;
}

/** Where everything of one cluster of processes is. */
export interface Layout {
  readonly dir: string;
  readonly etcd: readonly EtcdMember[];
  /** Ports of the API servers. */
  readonly apiservers: readonly number[];
  /** Port of the balancer, on loopback and on the LAN. */
  readonly port: number;
  readonly schedulerHealth: number;
  readonly controllerManagerHealth: number;
  /** The machine's address in the LAN of the nodes; undefined without nodes. */
  readonly gateway: string | undefined;
  /** Its IPv6 address there, in a bed that has them. */
  readonly gateway6: string | undefined;
  /** Short times for leases and elections: fail-over tests need not wait for production's patience. */
  readonly fast: boolean;
  readonly ranges: Ranges;
  /** A file of the pki folder. */
  pki(file: string): string;
  log(name: string): string;
}

export interface LayoutOptions {
  readonly dir: string;
  readonly apiservers: number;
  /** Of etcd. */
  readonly members: number;
  readonly gateway: string | undefined;
  readonly gateway6: string | undefined;
  readonly fast: boolean;
  readonly ranges: Ranges;
}

export async function layOut(options: LayoutOptions): Promise<Layout> {
  const { dir, members } = options;
  const ports = await portsOf(dir, 2 * members + options.apiservers + 3);
  const next = (): number => ports.pop() ?? 0;
  return {
    ...options,
    etcd: Array.from({ length: members }, (_, i) => {
      const name = `etcd${i + 1}`;
      return { name, client: next(), peer: next(), socket: join(dir, etcdSocket(name)) };
    }),
    apiservers: Array.from({ length: options.apiservers }, next),
    port: next(),
    schedulerHealth: next(),
    controllerManagerHealth: next(),
    pki: (file) => join(pkiFolder(dir), file),
    log: (name) => join(dir, 'logs', `${name}.log`),
  };
}

/** etcd members keep the addresses of their peers on disk, so a cluster started again gets the ports it had. */
async function portsOf(dir: string, count: number): Promise<number[]> {
  const file = join(dir, 'ports.json');
  if (existsSync(file)) {
    const before = JSON.parse(readFileSync(file, 'utf8')) as number[];
    if (before.length === count) return before;
  }
  const ports = await freePorts(count);
  writeFileSync(file, JSON.stringify(ports));
  return ports;
}

/** How to speak to the API servers as their administrator. */
export const adminTls = (layout: Layout): ProbeTls => tls(layout, authorityFile('apiserver'), 'users/admin');

/** How to speak to etcd. */
export const etcdTls = (layout: Layout): ProbeTls => tls(layout, authorityFile('etcd-client'), 'apiserver-etcd-client');

/** Where etcd's members are for those who come by the network, and files to be let in by. */
export interface EtcdAccess {
  readonly endpoints: readonly string[];
  /** URLs of the members' sockets, by which the API servers come. */
  readonly sockets: readonly string[];
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export const etcdAccess = (layout: Layout): EtcdAccess => ({
  endpoints: layout.etcd.map((m) => `https://localhost:${m.client}`),
  sockets: layout.etcd.map((m) => `unix://${m.socket}`),
  caFile: layout.pki(`${authorityFile('etcd-client')}.crt`),
  certFile: layout.pki('apiserver-etcd-client.crt'),
  keyFile: layout.pki('apiserver-etcd-client.key'),
});

function tls(layout: Layout, authority: string, user: string): ProbeTls {
  const [ca, cert, key] = [`${authority}.crt`, `${user}.crt`, `${user}.key`].map((f) => readFileSync(layout.pki(f)));
  return { secureContext: createSecureContext({ ca, cert, key }) };
}
