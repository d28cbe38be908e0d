import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { amountsOf, podRequests } from '#api/scheduling/pod-requests.ts';
import { claimKeys } from '#api/scheduling/volume-match.ts';
import { Supplies } from './supplies.ts';

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
  readonly name: string;
  readonly supplies = new Supplies();
  readonly pods = new Map<string, Stored<Pod>>();
  readonly ports = new Map<string, HostPort[]>();
  /** Pod uid → keys of the claims it uses; pods without are absent. */
  readonly claims = new Map<string, readonly string[]>();

  #node!: Stored<Node>;
  #maxPods = 0;
  #hasSoftTaint = false;

  constructor(node: Stored<Node>) {
    this.name = node.metadata.name;
    this.update(node);
  }

  get node(): Stored<Node> {
    return this.#node;
  }

  get maxPods(): number {
    return this.#maxPods;
  }

  /** Whether some pods had better not be here. */
  get hasSoftTaint(): boolean {
    return this.#hasSoftTaint;
  }

  update(node: Stored<Node>): void {
    const capacities = amountsOf(node.status?.allocatable);
    this.#node = node;
    this.#maxPods = capacities.get('pods') ?? 0;
    this.#hasSoftTaint = node.spec?.taints?.some((t) => t.effect === 'PreferNoSchedule') ?? false;
    this.supplies.setCapacities(capacities);
  }

  add(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    if (this.pods.has(uid)) this.remove(uid);
    this.pods.set(uid, pod);
    this.supplies.count(podRequests(pod), 1);
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
    this.supplies.count(podRequests(pod), -1);
    this.ports.delete(uid);
    this.claims.delete(uid);
  }
}
