import { networkInterfaces } from 'node:os';
import { hostPort } from '#api/meta/ip.ts';
import { deletionProblem } from '#process/conntrack.ts';
import { type Exec, succeed } from '#process/exec.ts';
import type { Endpoint, ServicePort } from './table/types.ts';

const TIMEOUT_MS = 30_000;

/** One flow the kernel remembers: where the client sent to, and who answers. */
export interface Flow {
  readonly to: string;
  readonly port: number;
  readonly replyFrom: string;
  readonly replyPort: number;
}

/**
 * Flows that lead nowhere: where clients sent to, and who was to answer. Without the latter: all that went there; without the
 * former: all that he was to answer.
 */
export interface Stale {
  readonly at?: { readonly to: string; readonly port: number };
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

const endpointsOf = (s: ServicePort): Endpoint[] => [...s.cluster, ...s.internal, ...s.external];

/** Where connections to a service port may end. */
export const endsOf = (s: ServicePort): Set<string> => new Set(endpointsOf(s).map((e) => hostPort(e.ip, e.port)));

/** Where connections to a service port come in that are led to an endpoint. */
export function frontsOf(s: ServicePort): Set<string> {
  if (endpointsOf(s).length === 0) return new Set();
  const at = [s.clusterIP, ...s.externalIPs, ...s.loadBalancerIPs].map((ip) => hostPort(ip, s.port));
  return new Set(s.nodePort > 0 ? [...at, `${s.nodePort}`] : at);
}

/** A service port that has gone. */
export const ended = (s: ServicePort): ServicePort => ({ ...s, cluster: [], internal: [], external: [] });

/** Finds the service port that a flow was sent to. @param local addresses of this node: node ports are there */
function finder(ports: readonly ServicePort[], local: ReadonlySet<string>): (f: Flow) => ServicePort | undefined {
  const byAddress = new Map<string, ServicePort>();
  const byNodePort = new Map<number, ServicePort>();
  for (const s of ports) {
    for (const ip of [s.clusterIP, ...s.externalIPs, ...s.loadBalancerIPs]) byAddress.set(hostPort(ip, s.port), s);
    if (s.nodePort > 0) byNodePort.set(s.nodePort, s);
  }
  return (f) => byAddress.get(hostPort(f.to, f.port)) ?? (local.has(f.to) ? byNodePort.get(f.port) : undefined);
}

/**
 * Flows at addresses of these services that lead to no endpoint of theirs, in few kinds, since the kernel walks through its
 * whole table for each: to an endpoint that has gone, or to nowhere, from the time before the first one came. A service without
 * endpoints keeps nothing: however many it had, all at its address are one kind. So are all to a pod that is gone, at whatever
 * addresses they were sent to.
 * @param local addresses of this node
 */
export function staleFlows(ports: readonly ServicePort[], flows: readonly Flow[], local: ReadonlySet<string>): Stale[] {
  // As a rule there are none, however many services there are.
  if (flows.length === 0) return [];
  const serviceOf = finder(ports, local);
  const ends = new Map<ServicePort, ReadonlySet<string>>();
  const emptied = new Map<string, Stale>();
  const gone: ByAnswerer = new Map();
  const needed = new Set(local);
  for (const f of flows) {
    const { to, port, replyFrom } = f;
    const s = serviceOf(f);
    const known = s && (ends.get(s) ?? endsOf(s));
    if (s && known) ends.set(s, known);
    if (!known || known.has(hostPort(replyFrom, f.replyPort))) needed.add(replyFrom);
    else if (known.size === 0) emptied.set(`${to} ${port}`, { at: { to, port } });
    else {
      const pairs = gone.get(replyFrom) ?? new Map<string, Stale>();
      gone.set(replyFrom, pairs.set(`${to} ${port}`, { at: { to, port }, replyFrom }));
    }
  }
  return [...emptied.values(), ...merged(gone, needed, ports)];
}

/** Who was to answer → where clients had sent to. */
type ByAnswerer = Map<string, Map<string, Stale>>;

/** @param needed addresses with flows that are to stay */
function merged(gone: ByAnswerer, needed: ReadonlySet<string>, ports: readonly ServicePort[]): Stale[] {
  const several = [...gone].filter(([ip, pairs]) => pairs.size > 1 && !needed.has(ip));
  // One that others reach has no such flow now, but may have the next moment.
  const living = new Set(several.length === 0 ? [] : ports.flatMap(endpointsOf).map((e) => e.ip));
  for (const [replyFrom] of several) if (!living.has(replyFrom)) gone.set(replyFrom, new Map([['', { replyFrom }]]));
  return [...gone.values()].flatMap((pairs) => [...pairs.values()]);
}

const localAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((a) => a.address)));

/** Kinds that one call ends: few enough for its timeout, since the kernel walks through its whole table for each. */
const BATCH = 64;

/**
 * Makes the kernel forget flows at these services that lead to no endpoint of theirs. All of them are listed once, and ended in
 * few calls, whatever number of endpoints has gone.
 * @param chosenBy arguments of `conntrack` that choose flows of one protocol
 * @param ports of that protocol; of two at the same address the later one counts
 * @throws Error with conntrack's words; of the first kind that could not be ended, after the others were
 */
export async function endStaleFlows(
  exec: Exec,
  chosenBy: readonly string[],
  ports: readonly ServicePort[],
): Promise<void> {
  if (ports.length === 0) return;
  const list = await succeed(exec, 'conntrack', ['-L', ...chosenBy], { timeoutMs: TIMEOUT_MS });
  const stale = staleFlows(ports, parseFlows(list), localAddresses()).map(({ at, replyFrom }) => [
    ...['-D', ...chosenBy],
    ...(at === undefined ? [] : ['--orig-dst', at.to, '--dport', `${at.port}`]),
    ...(replyFrom === undefined ? [] : ['--reply-src', replyFrom]),
  ]);
  let problem = '';
  for (let from = 0; from < stale.length; from += BATCH) {
    const failed = await endKinds(exec, stale.slice(from, from + BATCH));
    problem ||= failed;
  }
  if (problem) throw new Error(`conntrack -D: ${problem}`);
}

/** Several commands at once. It opens /dev/stdin by name, which works with a pipe, but not with the socket we write to. */
const SEVERAL = ['-c', 'cat | conntrack -R -'];

/** @param deletions arguments of `conntrack`, each for one kind. @returns what it said of one that failed; "" if none did */
async function endKinds(exec: Exec, deletions: readonly (readonly string[])[]): Promise<string> {
  if (deletions.length > 1) {
    const input = deletions.map((d) => `${d.join(' ')}\n`).join('');
    const { code } = await exec('sh', SEVERAL, { input, timeoutMs: TIMEOUT_MS });
    if (code === 0) return '';
  }
  // Before 1.4.7 it takes one deletion at a time; and one of several that fails keeps back those after it.
  let problem = '';
  for (const args of deletions) {
    const result = await exec('conntrack', args, { timeoutMs: TIMEOUT_MS });
    problem ||= deletionProblem(result) ?? '';
  }
  return problem;
}
