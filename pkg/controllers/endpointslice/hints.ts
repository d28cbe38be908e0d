import type { Node, Service } from '#api/kinds/index.ts';
import { milliValue } from '#api/meta/quantity.ts';
import { isReady, readinessOf } from '#api/meta/readiness.ts';
import type { Note } from '../harness/note.ts';
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

/** Why there are no hints, in Kubernetes' words. */
type Refusal = string;
const TOO_LITTLE_SAID: Refusal =
  'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
const ONE_ZONE: Refusal = 'Nodes only ready in one zone';
const NO_ZONE: Refusal = 'One or more endpoints do not have a zone specified';
const TOO_FEW: Refusal = 'Insufficient number of endpoints';
const OVERLOADED: Refusal =
  'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold';

/** CPU of nodes by zone; why not, when a node says too little, or there are not two zones. */
export function zoneShares(nodes: Iterable<Node>): ReadonlyMap<string, number> | Refusal {
  const cpu = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    const { metadata, status } = node;
    if (CONTROL_PLANE.some((label) => metadata?.labels?.[label] !== undefined)) continue;
    if (!isReady(node)) continue;
    const zone = metadata?.labels?.[ZONE_LABEL];
    const own = milliValue(status?.allocatable?.cpu ?? '0');
    if (!zone || !(own > 0)) return TOO_LITTLE_SAID;
    cpu.set(zone, (cpu.get(zone) ?? 0) + own);
    total += own;
  }
  if (cpu.size < 2) return ONE_ZONE;
  return new Map([...cpu].map(([zone, n]) => [zone, n / total]));
}

/**
 * Which zone each endpoint is for under topology-mode Auto ("Topology Aware Routing", how it works, safeguards): as many as
 * the zone has CPU, those in it first; or why none is better, as when some zone would be overloaded.
 */
export function sharesOut(endpoints: readonly SliceEndpoint[], shares: ReadonlyMap<string, number>): Hint | Refusal {
  const ready = endpoints.filter((e) => e.conditions?.ready);
  if (ready.some((e) => !e.zone)) return NO_ZONE;
  const size = `(${ready.length} endpoints, ${shares.size} zones)`;
  if (ready.length < shares.size) return `${TOO_FEW} ${size}`;
  const need = new Map([...shares].map(([zone, s]) => [zone, Math.ceil((ready.length * s) / (1 + OVERLOAD))]));
  if ([...need.values()].reduce((a, b) => a + b, 0) > ready.length) return `${OVERLOADED} ${size}`;
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

export interface Hinted {
  readonly groups: readonly PortGroup[];
  /** Of ready endpoints that were to be shared out: whether they are, or why they are not. */
  readonly verdict?: typeof SHARED_OUT | Refusal;
}
const SHARED_OUT = 'shared out';

/**
 * Pure: the groups with hints, if the Service asks for them: each ready endpoint for its own zone (trafficDistribution
 * PreferClose), or shared out by CPU (topology-mode Auto, which goes before).
 */
export function withHints(service: Service, groups: readonly PortGroup[], nodes: Iterable<Node>): Hinted {
  if (!dependsOnNodes(service)) {
    if (service.spec?.trafficDistribution !== 'PreferClose') return { groups };
    return { groups: groups.map((g) => hintedBy(g, (e) => (e.conditions?.ready ? e.zone : undefined))) };
  }
  const shares = zoneShares(nodes);
  let verdict: Hinted['verdict'];
  const shared = groups.map((g) => {
    const hint = typeof shares === 'string' ? shares : sharesOut(g.endpoints, shares);
    const isAsked = g.endpoints.some((e) => e.conditions?.ready);
    if (typeof hint !== 'string') verdict ??= SHARED_OUT;
    else if (isAsked) verdict = hint;
    return typeof hint === 'string' ? g : hintedBy(g, hint);
  });
  return { groups: shared, ...(verdict ? { verdict } : {}) };
}

const hintedBy = (g: PortGroup, hint: Hint): PortGroup => ({
  ...g,
  endpoints: g.endpoints.map((e) => hinted(e, hint(e))),
});

/** Tells, once for each change, whether the endpoints of a service are shared out. */
export class HintNotes {
  readonly #known = new Map<string, Map<string, string>>();

  /** @param verdict of the endpoints of one address family; undefined: they are not to be shared out, or there are none */
  notesOn(uid: string, family: string, verdict: Hinted['verdict'], isAsked: boolean): Note[] {
    const known = this.#known.get(uid) ?? new Map<string, string>();
    const before = known.get(family);
    if (verdict === before || (verdict === undefined && isAsked)) return [];
    if (verdict === undefined) known.delete(family);
    else known.set(family, verdict);
    if (known.size > 0) this.#known.set(uid, known);
    else this.#known.delete(uid);
    const note = (type: Note[0], state: string, what: string): Note[] => [
      [type, `TopologyAwareHints${state}`, `${what}, addressType: ${family}`],
    ];
    if (verdict === SHARED_OUT) return note('Normal', 'Enabled', 'Topology Aware Hints has been enabled');
    if (verdict !== undefined) return note('Warning', 'Disabled', verdict);
    return before === SHARED_OUT ? note('Warning', 'Disabled', 'Topology Aware Hints has been disabled') : [];
  }

  /** The service is gone. */
  forget(uid: string): void {
    this.#known.delete(uid);
  }
}

const hinted = (e: SliceEndpoint, zone: string | undefined): SliceEndpoint =>
  zone === undefined ? e : { ...e, hints: { forZones: [{ name: zone }] } };
