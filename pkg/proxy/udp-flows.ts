import { networkInterfaces } from 'node:os';
import type { IpFamily } from '#api/meta/ip.ts';
import { hostPort } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
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

/**
 * UDP has no connection that ends: the kernel goes on sending a client's packets where the first one went. What leads to
 * a vanished endpoint is made to be forgotten (lessons.md).
 */
export class UdpFlows {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #kind: readonly string[];
  #wanted: readonly ServicePort[] = [];
  /** Those whose stale flows have been ended; undefined: nobody has looked yet. */
  #known: readonly ServicePort[] | undefined;
  #looking: Promise<void> | undefined;
  #failing = false;

  constructor(exec: Exec, logger: Logger, family: IpFamily) {
    this.#kind = ['-f', family.toLowerCase(), '-p', 'udp'];
    this.#exec = exec;
    this.#logger = logger;
  }

  /** Called after every sync; looks at the kernel's flows only if a UDP service changed. */
  reconcile(table: readonly ServicePort[]): Promise<void> {
    this.#wanted = table.filter((s) => s.protocol === 'udp');
    return this.again();
  }

  /** Looks once more if the last look failed: no change of a service may come for long. */
  again(): Promise<void> {
    if (!this.#settled) this.#looking ??= this.#look();
    return this.#looking ?? Promise.resolve();
  }

  get #settled(): boolean {
    const known = this.#known;
    return known?.length === this.#wanted.length && this.#wanted.every((s, i) => s === known[i]);
  }

  async #look(): Promise<void> {
    while (!this.#settled) {
      const ports = this.#wanted;
      try {
        // The addresses of services that went belong to nobody: their flows go too.
        const ids = new Set(ports.map((s) => s.id));
        const gone = (this.#known ?? []).filter((old) => !ids.has(old.id));
        await endStaleFlows(this.#exec, this.#kind, [...gone.map(ended), ...ports]);
        this.#known = ports;
        this.#failing = false;
      } catch (err) {
        if (!this.#failing)
          this.#logger.warn({ err }, 'could not end UDP flows to endpoints that are gone, will retry');
        this.#failing = true;
        break;
      }
    }
    this.#looking = undefined;
  }
}
