import type { Node } from '#api/kinds/index.ts';

/** Time between two nodes of one zone that lose their pods (--node-eviction-rate 0.1 per second). */
const NORMAL_MS = 10_000;
/** The same in a large zone that is mostly down (--secondary-node-eviction-rate 0.01). */
const CAUTIOUS_MS = 100_000;
/** A zone with more nodes is large (--large-cluster-size-threshold). */
const LARGE = 50;
/** Mostly down: at least this share of the nodes, and more than two (--unhealthy-zone-threshold). */
const UNHEALTHY_SHARE = 0.55;
const UNHEALTHY_LEAST = 3;

export interface ZoneCount {
  readonly ready: number;
  readonly unhealthy: number;
}

/** Region and zone of a node; nodes without labels form one zone. */
export const zoneOf = (n: Node): string =>
  `${n.metadata?.labels?.['topology.kubernetes.io/region'] ?? ''}/${n.metadata?.labels?.['topology.kubernetes.io/zone'] ?? ''}`;

/**
 * Milliseconds between two evictions of nodes in a zone ("Rate limits on eviction"): few failures are failures of nodes,
 * many at once are rather a failure of the network, and moving everything would only make it worse. Infinity: none.
 */
export function evictionInterval({ ready, unhealthy }: ZoneCount): number {
  const size = ready + unhealthy;
  const partial = ready > 0 && unhealthy >= UNHEALTHY_LEAST && unhealthy >= UNHEALTHY_SHARE * size;
  if (!partial) return NORMAL_MS;
  return size > LARGE ? CAUTIOUS_MS : Number.POSITIVE_INFINITY;
}

/** No node of the cluster is healthy: it is rather we who are cut off. */
export const isFullOutage = (zones: Iterable<ZoneCount>): boolean => {
  let unhealthy = 0;
  for (const z of zones) {
    if (z.ready > 0) return false;
    unhealthy += z.unhealthy;
  }
  return unhealthy > 0;
};

/** Counts the nodes of every zone. */
export function countZones(nodes: Iterable<Node>, isHealthy: (n: Node) => boolean): Map<string, ZoneCount> {
  const zones = new Map<string, { ready: number; unhealthy: number }>();
  for (const n of nodes) {
    const zone = zoneOf(n);
    const count = zones.get(zone) ?? { ready: 0, unhealthy: 0 };
    zones.set(zone, count);
    if (isHealthy(n)) count.ready++;
    else count.unhealthy++;
  }
  return zones;
}

/** Spaces out, per zone, the nodes whose pods are given up. */
export class EvictionPace {
  readonly #last = new Map<string, { readonly node: string; readonly at: number }>();

  /** Milliseconds until `node` may follow; 0 = now, and it then has its turn for good: asking again costs nothing. */
  take(node: string, zone: { readonly name: string; readonly interval: number }, now: number): number {
    const last = this.#last.get(zone.name);
    if (last?.node === node) return 0;
    const wait = last === undefined ? 0 : last.at + zone.interval - now;
    if (zone.interval === Number.POSITIVE_INFINITY || wait > 0)
      return zone.interval === Number.POSITIVE_INFINITY ? zone.interval : wait;
    this.#last.set(zone.name, { node, at: now });
    return 0;
  }
}
