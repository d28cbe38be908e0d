import type { Node, Service } from '#api/kinds/index.ts';
import { milliValue } from '#api/meta/quantity.ts';
import { isReady, readinessOf } from '#api/meta/readiness.ts';
import type { PortGroup, SliceEndpoint } from './desired.ts';

export const ZONE_LABEL = 'topology.kubernetes.io/zone';
const MODE = 'service.kubernetes.io/topology-mode';
const OLD_MODE = 'service.kubernetes.io/topology-aware-hints';
const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];
/** A zone's endpoints may get this much more than their share of the traffic. */
const OVERLOAD = 0.2;

/** Whether a Service's hints depend on all nodes, not only on those of its pods. */
export function dependsOnNodes({ metadata }: Service): boolean {
  const mode = metadata?.annotations?.[MODE] ?? metadata?.annotations?.[OLD_MODE];
  return mode === 'Auto' || mode === 'auto';
}

/** What those hints need to know of a node. */
export const shareOf = (n: Node): string =>
  JSON.stringify([n.metadata?.labels?.[ZONE_LABEL], n.status?.allocatable?.cpu, readinessOf(n)]);

type Hint = (e: SliceEndpoint) => string | undefined;

/** CPU of nodes by zone; undefined when a node says too little, or there are not two zones. */
export function zoneShares(nodes: Iterable<Node>): ReadonlyMap<string, number> | undefined {
  const cpu = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    const { metadata, status } = node;
    if (CONTROL_PLANE.some((label) => metadata?.labels?.[label] !== undefined)) continue;
    if (!isReady(node)) continue;
    const zone = metadata?.labels?.[ZONE_LABEL];
    const own = milliValue(status?.allocatable?.cpu ?? '0');
    if (!zone || !(own > 0)) return undefined;
    cpu.set(zone, (cpu.get(zone) ?? 0) + own);
    total += own;
  }
  if (cpu.size < 2) return undefined;
  return new Map([...cpu].map(([zone, n]) => [zone, n / total]));
}

/**
 * Which zone each endpoint is for under topology-mode Auto ("Topology Aware Routing", how it works, safeguards): as many as
 * the zone has CPU, those in it first. Undefined when some zone would be overloaded, so that none is better.
 */
export function sharesOut(endpoints: readonly SliceEndpoint[], shares: ReadonlyMap<string, number>): Hint | undefined {
  const ready = endpoints.filter((e) => e.conditions?.ready);
  if (ready.some((e) => !e.zone) || ready.length < shares.size) return undefined;
  const need = new Map([...shares].map(([zone, s]) => [zone, Math.ceil((ready.length * s) / (1 + OVERLOAD))]));
  if ([...need.values()].reduce((a, b) => a + b, 0) > ready.length) return undefined;
  const given = new Map<SliceEndpoint, string>();
  const spare: SliceEndpoint[] = [];
  for (const e of ready) {
    const zone = e.zone ?? '';
    const left = need.get(zone) ?? 0;
    if (left > 0) {
      need.set(zone, left - 1);
      given.set(e, zone);
    } else spare.push(e);
  }
  for (const [zone, left] of need) for (const e of spare.splice(0, left)) given.set(e, zone);
  // Nobody lacks any: the others serve their own zone, or the first if that has no nodes.
  const [first = ''] = shares.keys();
  for (const e of spare) given.set(e, e.zone && shares.has(e.zone) ? e.zone : first);
  return (e) => given.get(e);
}

/**
 * Pure: the groups with hints, if the Service asks for them: each ready endpoint for its own zone (trafficDistribution
 * PreferClose), or shared out by CPU (topology-mode Auto, which goes before).
 */
export function withHints(service: Service, groups: readonly PortGroup[], nodes: Iterable<Node>): readonly PortGroup[] {
  const auto = dependsOnNodes(service);
  if (!auto && service.spec?.trafficDistribution !== 'PreferClose') return groups;
  const shares = auto ? zoneShares(nodes) : undefined;
  return groups.map((g) => {
    const hint: Hint | undefined = auto
      ? shares && sharesOut(g.endpoints, shares)
      : (e) => (e.conditions?.ready ? e.zone : undefined);
    return hint ? { ...g, endpoints: g.endpoints.map((e) => hinted(e, hint(e))) } : g;
  });
}

const hinted = (e: SliceEndpoint, zone: string | undefined): SliceEndpoint =>
  zone === undefined ? e : { ...e, hints: { forZones: [{ name: zone }] } };
