import type { Service } from '#api/kinds/index.ts';
import { canonicalAddress, familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { familiesOf } from '../endpointslice/desired.ts';
import { isOlder } from '../harness/age.ts';
import { type AddressPool, addressesOf, CLASS_PREFIX, isInPools, NODES, poolsOfFamily } from './pools.ts';

/** Why a service has no address, or lacks that of one family. */
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

export interface Assignment {
  /** One of each family at most, in the order of the service's families. */
  readonly ips: readonly string[];
  readonly problem?: Problem;
}

/** The service that has each address; of two that have the same, as after a write of a former leader, the older. */
function holdersOf(services: Iterable<Stored<Service>>): Map<string, Stored<Service>> {
  const holders = new Map<string, Stored<Service>>();
  for (const s of services) {
    for (const ip of addressesHeld(s)) {
      const known = holders.get(ip);
      if (!known || isOlder(s, known)) holders.set(ip, s);
    }
  }
  return holders;
}

/**
 * Pure: the addresses of a service, one of each of its families that the pools have. It keeps those it has as long as they
 * are of its pools and, if it wants a certain one, that one. Should two services have the same, the older keeps it.
 * @param others services that have addresses of pools
 */
export function assign(
  service: Stored<Service>,
  pools: readonly AddressPool[],
  others: Iterable<Stored<Service>>,
): Assignment {
  if (pools.length === 0) {
    return none('UnknownPool', `there is no pool of loadBalancerClass ${service.spec?.loadBalancerClass}`);
  }
  const wanted = wantedBy(service, pools);
  if (typeof wanted === 'object') return { ips: [], problem: wanted };
  const holders = holdersOf([...others].filter((o) => o.metadata.uid !== service.metadata.uid));
  const families = familiesOf(service);
  const there = families.filter((f) => poolsOfFamily(pools, f).length > 0);
  const found = there.map((family) => {
    const want = wanted !== undefined && familyOf(wanted) === family ? wanted : undefined;
    return addressOf(service, family, { pools, holders, want });
  });
  const ips = found.flatMap((f) => (typeof f === 'string' ? [f] : []));
  const lacking = families.find((f) => !there.includes(f));
  const may = service.spec?.ipFamilyPolicy !== 'RequireDualStack' && there.length > 0;
  const problem = lacking !== undefined && !may ? noFamily(pools, lacking) : found.find((f) => typeof f === 'object');
  return problem ? { ips, problem } : { ips };
}

const none = (reason: string, message: string): Assignment => ({ ips: [], problem: { reason, message } });

const namesOf = (pools: readonly AddressPool[]): string =>
  `${pools.length > 1 ? 'the pools' : 'pool'} ${pools.map((p) => p.name).join(', ')}`;

const noFamily = (pools: readonly AddressPool[], family: IpFamily): Problem => ({
  reason: 'NoAddressOfFamily',
  message: `there is no ${family} address in ${namesOf(pools)}`,
});

/** The address a service wants to have, if there is one that it can. */
function wantedBy(service: Service, pools: readonly AddressPool[]): string | Problem | undefined {
  const { loadBalancerIP } = service.spec ?? {};
  if (!loadBalancerIP) return undefined;
  const problem = (what: string): Problem => ({
    reason: 'AddressNotInPool',
    message: `loadBalancerIP ${loadBalancerIP} is ${what}`,
  });
  const address = canonicalAddress(loadBalancerIP);
  if (address === undefined) return problem('not an IP address');
  if (!isInPools(pools, address)) return problem(`not in ${namesOf(pools)}`);
  const families = familiesOf(service);
  return families.includes(familyOf(address)) ? address : problem(`not of the family of the service, ${families}`);
}

/** One of a family that the pools have. */
function addressOf(
  service: Stored<Service>,
  family: IpFamily,
  o: {
    readonly pools: readonly AddressPool[];
    readonly holders: ReadonlyMap<string, Stored<Service>>;
    readonly want: string | undefined;
  },
): string | Problem {
  const { holders, pools, want } = o;
  const mayKeep = (ip: string): boolean => {
    const other = holders.get(ip);
    return isInPools(pools, ip) && !(other && isOlder(other, service));
  };
  const held = addressesHeld(service).find((ip) => familyOf(ip) === family);
  if (want !== undefined) {
    const holder = holders.get(want);
    if (!holder || (held === want && mayKeep(want))) return want;
    const { namespace, name } = holder.metadata;
    return { reason: 'AddressInUse', message: `loadBalancerIP ${want} is in use by service ${namespace}/${name}` };
  }
  if (held !== undefined && mayKeep(held)) return held;
  for (const ip of addressesOf(pools, family)) if (!holders.has(ip)) return ip;
  const names = namesOf(poolsOfFamily(pools, family));
  return { reason: 'PoolExhausted', message: `all ${family} addresses of ${names} are in use` };
}

/** Tells which node answers for the addresses of a service on the LAN. */
export const ANNOUNCED_BY = 'coxswain.dev/announced-by';

/**
 * Pure: the node that answers for a service's addresses: the present one as long as it can, else the one with the fewest.
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
