import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type Amounts, amountsOf, podRequests } from '#api/scheduling/pod-requests.ts';
import { claimKeys } from '#api/scheduling/volume-match.ts';

/** One host port a pod occupies: "protocol ip port". */
export interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

const ANY_IP = '0.0.0.0';

export function hostPortsOf(pod: Pod): HostPort[] {
  const ports: HostPort[] = [];
  for (const c of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    for (const p of c.ports ?? []) {
      if (p.hostPort) ports.push({ protocol: p.protocol ?? 'TCP', ip: p.hostIP || ANY_IP, port: p.hostPort });
    }
  }
  return ports;
}

export const portsClash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === ANY_IP || b.ip === ANY_IP);

/** A node with what runs on it. Sums are kept up to date pod by pod, never recomputed over all pods. */
export class NodeInfo {
  node: Stored<Node>;
  allocatable: Amounts;
  readonly requested: Amounts = new Map();
  readonly scored = { cpu: 0, memory: 0 };
  readonly pods = new Map<string, Stored<Pod>>();
  readonly ports = new Map<string, HostPort[]>();
  /** Pod uid → keys of the claims it uses; pods without are absent. */
  readonly claims = new Map<string, readonly string[]>();

  constructor(node: Stored<Node>) {
    this.node = node;
    this.allocatable = amountsOf(node.status?.allocatable);
  }

  get name(): string {
    return this.node.metadata.name;
  }

  update(node: Stored<Node>): void {
    this.node = node;
    this.allocatable = amountsOf(node.status?.allocatable);
  }

  add(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    if (this.pods.has(uid)) this.remove(uid);
    this.pods.set(uid, pod);
    this.#count(pod, 1);
    const ports = hostPortsOf(pod);
    if (ports.length > 0) this.ports.set(uid, ports);
    const claims = claimKeys(pod);
    if (claims.length > 0) this.claims.set(uid, claims);
  }

  /** Another version of a pod that needs the same. */
  replace(pod: Stored<Pod>): void {
    if (this.pods.has(pod.metadata.uid)) this.pods.set(pod.metadata.uid, pod);
  }

  remove(uid: string): void {
    const pod = this.pods.get(uid);
    if (!pod) return;
    this.pods.delete(uid);
    this.#count(pod, -1);
    this.ports.delete(uid);
    this.claims.delete(uid);
  }

  #count(pod: Pod, sign: 1 | -1): void {
    const { amounts, scored } = podRequests(pod);
    for (const [name, n] of amounts) this.requested.set(name, (this.requested.get(name) ?? 0) + sign * n);
    this.scored.cpu += sign * scored.cpu;
    this.scored.memory += sign * scored.memory;
  }
}
