import { networkInterfaces } from 'node:os';
import { hostPort } from '#api/meta/ip.ts';
import { type Exec, succeed } from '#process/exec.ts';
import type { ServicePort } from './table/types.ts';

const TIMEOUT_MS = 30_000;

/** One flow the kernel remembers: where the client sent to, and who answers. */
export interface Flow {
  readonly to: string;
  readonly port: number;
  readonly replyFrom: string;
  readonly replyPort: number;
}

/** Flows that lead nowhere: where clients sent to, and who was to answer; unset: all that went there. */
export interface Stale {
  readonly to: string;
  readonly port: number;
  readonly replyFrom?: string;
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
 * or to nowhere, from the time before the first one came. A service without endpoints keeps nothing: however many it had, all
 * at its address are one kind, since the kernel walks through its whole table for each.
 * @param local addresses of this node: node ports are there.
 */
export function staleFlows(ports: readonly ServicePort[], flows: readonly Flow[], local: ReadonlySet<string>): Stale[] {
  const byAddress = new Map<string, ServicePort>();
  const byNodePort = new Map<number, ServicePort>();
  for (const s of ports) {
    for (const ip of [s.clusterIP, ...s.externalIPs, ...s.loadBalancerIPs]) byAddress.set(hostPort(ip, s.port), s);
    if (s.nodePort > 0) byNodePort.set(s.nodePort, s);
  }
  const ends = new Map<ServicePort, ReadonlySet<string>>();
  const stale = new Map<string, Stale>();
  for (const f of flows) {
    const s = byAddress.get(hostPort(f.to, f.port)) ?? (local.has(f.to) ? byNodePort.get(f.port) : undefined);
    if (!s) continue;
    const known = ends.get(s) ?? endsOf(s);
    ends.set(s, known);
    const { to, port, replyFrom } = f;
    if (known.size === 0) stale.set(`${to} ${port}`, { to, port });
    else if (!known.has(hostPort(replyFrom, f.replyPort)))
      stale.set(`${to} ${port} ${replyFrom}`, { to, port, replyFrom });
  }
  return [...stale.values()];
}

const localAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((a) => a.address)));

/** What `conntrack -D` says, besides failing, when the flows have ended by themselves in the meantime. */
const NONE_LEFT = /\b0 flow entries\b/;

/**
 * Makes the kernel forget flows at these services that lead to no endpoint of theirs. All of them are listed once, whatever
 * number of endpoints has gone: the kernel walks through its whole table for it.
 * @param chosenBy arguments of `conntrack` that choose flows of one protocol
 * @param ports of that protocol; of two at the same address the later one counts
 * @throws Error with conntrack's words; when one flow could not be ended, after the others were
 */
export async function endStaleFlows(
  exec: Exec,
  chosenBy: readonly string[],
  ports: readonly ServicePort[],
): Promise<void> {
  if (ports.length === 0) return;
  const list = await succeed(exec, 'conntrack', ['-L', ...chosenBy], { timeoutMs: TIMEOUT_MS });
  let problem = '';
  for (const f of staleFlows(ports, parseFlows(list), localAddresses())) {
    const by = f.replyFrom === undefined ? [] : ['--reply-src', f.replyFrom];
    const flow = ['--orig-dst', f.to, '--dport', `${f.port}`, ...by];
    const { code, stderr } = await exec('conntrack', ['-D', ...chosenBy, ...flow], { timeoutMs: TIMEOUT_MS });
    if (code !== 0 && !NONE_LEFT.test(stderr)) problem ||= stderr.trim();
  }
  if (problem) throw new Error(`conntrack -D: ${problem}`);
}
