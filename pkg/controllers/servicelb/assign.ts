import type { Service } from '#api/kinds/index.ts';
import { parseIpv4 } from '#api/meta/ipv4.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isOlder } from '../harness/age.ts';
import { type AddressPool, addressesOf, CLASS_PREFIX, NODES, poolOf } from './pools.ts';

/** Why a service has no address. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** Where the address of a service comes from: the nodes, or one of these pools. */
export type Source = typeof NODES | readonly AddressPool[];

/**
 * Pure: undefined for a service of another type, or of a class that is another implementation's. Without a class it has
 * an address of any pool; where there are no pools, those of the nodes.
 */
export function sourceOf({ spec }: Service, pools: readonly AddressPool[]): Source | undefined {
  if (spec?.type !== 'LoadBalancer') return undefined;
  const { loadBalancerClass: of } = spec;
  if (of === undefined) return pools.length > 0 ? pools : NODES;
  if (!of.startsWith(CLASS_PREFIX)) return undefined;
  const name = of.slice(CLASS_PREFIX.length);
  return name === NODES ? NODES : pools.filter((p) => p.name === name);
}

export const addressesHeld = ({ status }: Service): string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap((i) => i.ip ?? []);

/**
 * Pure: the address of a service. It keeps the one it has as long as that is of its pools and, if it wants a certain one,
 * that one. Should two have the same, as after a write of a former leader that came late, the older keeps it.
 * @param others services that have addresses of pools
 */
export function assign(
  service: Stored<Service>,
  pools: readonly AddressPool[],
  others: Iterable<Stored<Service>>,
): string | Problem {
  if (pools.length === 0) {
    return {
      reason: 'UnknownPool',
      message: `there is no pool of loadBalancerClass ${service.spec?.loadBalancerClass}`,
    };
  }
  const holders = new Map<string, Stored<Service>>();
  for (const o of others) {
    if (o.metadata.uid === service.metadata.uid) continue;
    for (const ip of addressesHeld(o)) {
      const known = holders.get(ip);
      if (!known || isOlder(o, known)) holders.set(ip, o);
    }
  }
  const [held] = addressesHeld(service);
  const mayKeep = (ip: string): boolean => {
    const other = holders.get(ip);
    return poolOf(pools, parseIpv4(ip)) !== undefined && !(other && isOlder(other, service));
  };
  const wanted = service.spec?.loadBalancerIP;
  if (wanted) return assignWanted(wanted, { held, mayKeep, pools, holder: holders.get(wanted) });
  if (held !== undefined && mayKeep(held)) return held;
  for (const ip of addressesOf(pools)) if (!holders.has(ip)) return ip;
  return { reason: 'PoolExhausted', message: `all addresses of ${namesOf(pools)} are in use` };
}

const namesOf = (pools: readonly AddressPool[]): string =>
  `${pools.length > 1 ? 'the pools' : 'pool'} ${pools.map((p) => p.name).join(', ')}`;

function assignWanted(
  wanted: string,
  o: {
    readonly held: string | undefined;
    readonly mayKeep: (ip: string) => boolean;
    readonly pools: readonly AddressPool[];
    readonly holder: Stored<Service> | undefined;
  },
): string | Problem {
  let address: number;
  try {
    address = parseIpv4(wanted);
  } catch {
    return { reason: 'AddressNotInPool', message: `loadBalancerIP ${wanted} is not an IPv4 address` };
  }
  if (!poolOf(o.pools, address)) {
    return { reason: 'AddressNotInPool', message: `loadBalancerIP ${wanted} is not in ${namesOf(o.pools)}` };
  }
  if (!o.holder || (o.held === wanted && o.mayKeep(wanted))) return wanted;
  const { namespace, name } = o.holder.metadata;
  return { reason: 'AddressInUse', message: `loadBalancerIP ${wanted} is in use by service ${namespace}/${name}` };
}

/** Tells which node answers for the address of a service on the LAN. */
export const ANNOUNCED_BY = 'coxswain.dev/announced-by';

/**
 * Pure: the node that answers for a service's address: the present one as long as it can, else the one with the fewest.
 * @param eligible names of nodes that are ready and, with `externalTrafficPolicy: Local`, have endpoints
 */
export function announcerOf(
  service: Stored<Service>,
  eligible: ReadonlySet<string>,
  others: Iterable<Stored<Service>>,
): string | undefined {
  const now = service.metadata.annotations?.[ANNOUNCED_BY];
  if (now !== undefined && eligible.has(now)) return now;
  const load = new Map([...eligible].sort().map((node) => [node, 0]));
  for (const o of others) {
    const node = o.metadata.annotations?.[ANNOUNCED_BY];
    if (node !== undefined && load.has(node)) load.set(node, (load.get(node) ?? 0) + 1);
  }
  let best: string | undefined;
  for (const [node, n] of load) if (best === undefined || n < (load.get(best) ?? 0)) best = node;
  return best;
}
