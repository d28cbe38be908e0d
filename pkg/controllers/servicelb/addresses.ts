import type { Node, Service } from '#api/kinds/index.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { familiesOf } from '../endpointslice/desired.ts';
import { olderFirst } from '../harness/age.ts';

const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** A ready node's addresses for the world: the external one of a family if it has one, else its own. None: it takes no part. */
export function addressesOf(node: Node): Partial<Record<IpFamily, string>> {
  if (node.metadata?.deletionTimestamp || node.metadata?.labels?.[EXCLUDED] !== undefined) return {};
  if (!isReady(node)) return {};
  const found: Partial<Record<IpFamily, string>> = {};
  for (const type of ['ExternalIP', 'InternalIP']) {
    for (const a of node.status?.addresses ?? []) if (a.type === type) found[familyOf(a.address)] ??= a.address;
  }
  return found;
}

const portsOf = ({ spec }: Service): string[] => (spec?.ports ?? []).map((p) => `${p.protocol ?? 'TCP'}/${p.port}`);
const hasAddress = ({ status }: Service): boolean => (status?.loadBalancer?.ingress ?? []).length > 0;
/** Of two made in one second the older is the one that has its addresses already. */
const servedFirst = (a: Stored<Service>, b: Stored<Service>): number =>
  (a.metadata.creationTimestamp === b.metadata.creationTimestamp ? Number(hasAddress(b)) - Number(hasAddress(a)) : 0) ||
  olderFirst(a, b);

/**
 * Pure: the port another, older service has on the nodes' addresses, if there is one.
 * @param all services that have, or want, the addresses of the nodes
 */
export function takenPort(service: Stored<Service>, all: Iterable<Stored<Service>>): string | undefined {
  const taken = new Set<string>();
  for (const s of [...all].sort(servedFirst)) {
    const clash = portsOf(s).find((p) => taken.has(p));
    if (s.metadata.uid === service.metadata.uid) return clash;
    if (!clash) for (const p of portsOf(s)) taken.add(p);
  }
  return undefined;
}

/**
 * Pure: the addresses under which a service is reached.
 * @param local nodes with ready endpoints: with `externalTrafficPolicy: Local` the others would drop the traffic
 */
export function entryPoints(service: Service, nodes: Iterable<Node>, local: ReadonlySet<string>): string[] {
  const near = service.spec?.externalTrafficPolicy === 'Local';
  const taking = [...nodes].filter((n) => !near || local.has(n.metadata?.name ?? '')).map(addressesOf);
  const found = familiesOf(service).flatMap((family) =>
    [...new Set(taking.flatMap((addresses) => addresses[family] ?? []))].sort(),
  );
  const wanted = service.spec?.loadBalancerIP;
  return wanted && found.includes(wanted) ? [wanted] : found;
}
