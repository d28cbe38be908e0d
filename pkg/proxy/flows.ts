import { networkInterfaces } from 'node:os';
import { hostPort } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import type { ServicePort } from './table/types.ts';

const TIMEOUT_MS = 30_000;

/** One flow the kernel remembers: where the client sent to, and who answers. */
export interface Flow {
  readonly to: string;
  readonly port: number;
  readonly replyFrom: string;
  readonly replyPort: number;
}

/** Lines of `conntrack -L -p udp`, or of another protocol with ports. */
export function parseFlows(text: string): Flow[] {
  const line = /dst=(\S+) sport=\d+ dport=(\d+) .*?src=(\S+) dst=\S+ sport=(\d+) dport=\d+/g;
  return [...text.matchAll(line)].map((m) => ({
    to: m[1] ?? '',
    port: Number(m[2]),
    replyFrom: m[3] ?? '',
    replyPort: Number(m[4]),
  }));
}

/** Where connections to a service port may end. */
export const endsOf = (s: ServicePort): Set<string> =>
  new Set([...s.cluster, ...s.internal, ...s.external].map((e) => hostPort(e.ip, e.port)));

/** A service port that has gone. */
export const ended = (s: ServicePort): ServicePort => ({ ...s, cluster: [], internal: [], external: [] });

/**
 * Flows at addresses of these services that lead to no endpoint of theirs, each kind once: to an endpoint that has gone,
 * or to nowhere, from the time before the first one came. A service without endpoints keeps nothing.
 * @param local addresses of this node: node ports are there.
 */
export function staleFlows(ports: readonly ServicePort[], flows: readonly Flow[], local: ReadonlySet<string>): Flow[] {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const s of ports) {
    const ends = endsOf(s);
    for (const ip of [s.clusterIP, ...s.externalIPs, ...s.loadBalancerIPs]) byAddress.set(hostPort(ip, s.port), ends);
    if (s.nodePort > 0) byNodePort.set(s.nodePort, ends);
  }
  const stale = new Map<string, Flow>();
  for (const f of flows) {
    const atAddress = byAddress.get(hostPort(f.to, f.port));
    const ends = atAddress ?? (local.has(f.to) ? byNodePort.get(f.port) : undefined);
    if (ends && !ends.has(hostPort(f.replyFrom, f.replyPort))) stale.set(`${f.to} ${f.port} ${f.replyFrom}`, f);
  }
  return [...stale.values()];
}

const localAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((a) => a.address)));

/**
 * Makes the kernel forget the flows of this kind (arguments of `conntrack`) at these services that lead to no endpoint of
 * theirs. @param ports of the kind's protocol @returns whether there were any @throws Error with conntrack's words
 */
export async function endStaleFlows(
  exec: Exec,
  kind: readonly string[],
  ports: readonly ServicePort[],
): Promise<boolean> {
  if (ports.length === 0) return false;
  const listed = await exec('conntrack', ['-L', ...kind], { timeoutMs: TIMEOUT_MS });
  if (listed.code !== 0) throw new Error(`conntrack -L: ${listed.stderr.trim()}`);
  const stale = staleFlows(ports, parseFlows(listed.stdout), localAddresses());
  for (const f of stale) {
    const flow = ['--orig-dst', f.to, '--dport', `${f.port}`, '--reply-src', f.replyFrom];
    // Exits 1 when the flow has ended by itself in the meantime.
    await exec('conntrack', ['-D', ...kind, ...flow], { timeoutMs: TIMEOUT_MS });
  }
  return stale.length > 0;
}
