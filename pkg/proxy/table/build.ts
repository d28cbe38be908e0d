import { endpointsOfPort, type PortEndpoint, usableEndpoints } from '#api/discovery/endpoints.ts';
import type { EndpointSlice, ServicePort as PortSpec, Service } from '#api/kinds/index.ts';
import { FAMILIES, ofFamily } from '#api/meta/families.ts';
import { canonicalAddress, contains, familyOf, type IpFamily, parseNetwork } from '#api/meta/ip.ts';
import type { Endpoint, HealthCheck, ServicePort } from './types.ts';

interface Candidate extends PortEndpoint {
  readonly local: boolean;
}

const candidatesOf = (
  slices: readonly EndpointSlice[],
  portName: string,
  { node, family }: Pick<Place, 'node' | 'family'>,
): Candidate[] => endpointsOfPort(slices, portName, family).map((e) => ({ ...e, local: e.nodeName === node }));

const plain = (candidates: readonly Candidate[]): Endpoint[] =>
  candidates.map(({ ip, port, local }) => ({ ip, port, local }));

/**
 * Those whose hints name the zone of this node ("Topology Aware Routing", safeguards): all, when one of them has no hint or
 * none is for this zone.
 */
function closest(candidates: readonly Candidate[], zone: string | undefined): readonly Candidate[] {
  if (zone === undefined || candidates.some((c) => c.ready && !c.forZones?.length)) return candidates;
  const close = candidates.filter((c) => c.forZones?.includes(zone));
  return close.length > 0 ? close : candidates;
}

/** Names the node that answers for the address of a load balancer (`pkg/controllers/servicelb`). */
const ANNOUNCED_BY = 'coxswain.dev/announced-by';

/** As the kernel writes them. What is no address is left out: one rule with it would keep all others from being written. */
const addresses = (ips: readonly string[], family: IpFamily): string[] =>
  [...new Set(ips.flatMap((ip) => (familyOf(ip) === family ? (canonicalAddress(ip) ?? []) : [])))].sort();

const loadBalancerAddresses = (service: Service, family: IpFamily): string[] =>
  addresses(
    (service.status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip && i.ipMode !== 'Proxy' ? [i.ip] : [])),
    family,
  );

/** Addresses of a service's load balancer that a node answers for on its LAN. */
export const announcedBy = (service: Service, { node, family }: Pick<Place, 'node' | 'family'>): string[] =>
  isProxied(service) && service.metadata?.annotations?.[ANNOUNCED_BY] === node
    ? loadBalancerAddresses(service, family)
    : [];

const NOBODY: Readonly<Record<IpFamily, string>> = { IPv4: '255.255.255.255/32', IPv6: '::/128' };

/** Ranges of the other address family admit nobody here, but a list of only such ones still is a list. */
function ranges(cidrs: readonly string[], family: IpFamily): string[] {
  const mine = cidrs.map((c) => c.trim()).filter((c) => familyOf(c) === family);
  return cidrs.length > 0 && mine.length === 0 ? [NOBODY[family]] : mine.sort();
}

/** A service's own address of a family, as the kernel writes it. */
function clusterIpOf({ spec }: Service, family: IpFamily): string | undefined {
  const { clusterIP, clusterIPs = [] } = spec ?? {};
  return canonicalAddress(ofFamily(family, clusterIP ? [clusterIP, ...clusterIPs] : clusterIPs) ?? '');
}

/** Where a proxy runs, and the family of addresses it looks at. */
export interface Place {
  readonly node: string;
  readonly family: IpFamily;
  /** Zone of the node, if it has one. */
  readonly zone?: string | undefined;
  /** The node's own address of the family, if it is known. */
  readonly nodeIp?: string | undefined;
}

function portOf(
  service: Service,
  p: PortSpec,
  o: { candidates: readonly Candidate[]; clusterIP: string; place: Place },
): ServicePort {
  const { candidates, clusterIP } = o;
  const { zone, family, nodeIp } = o.place;
  const spec = service.spec ?? {};
  const local = plain(usableEndpoints(candidates.filter((c) => c.local)));
  const cluster = plain(closest(usableEndpoints(candidates), zone));
  const externalLocal = spec.externalTrafficPolicy === 'Local';
  const sourceRanges = ranges(spec.loadBalancerSourceRanges ?? [], family);
  return {
    id: `${service.metadata?.namespace}/${service.metadata?.name}:${p.name ?? ''}`,
    protocol: (p.protocol ?? 'TCP').toLowerCase() as ServicePort['protocol'],
    clusterIP,
    port: p.port,
    nodePort: spec.type === 'ClusterIP' ? 0 : (p.nodePort ?? 0),
    externalIPs: addresses(spec.externalIPs ?? [], family),
    loadBalancerIPs: loadBalancerAddresses(service, family),
    sourceRanges,
    openToNode: nodeIp !== undefined && sourceRanges.some((r) => contains(parseNetwork(r), nodeIp)),
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : 0,
    cluster,
    internal: spec.internalTrafficPolicy === 'Local' ? local : cluster,
    external: externalLocal ? local : cluster,
    externalLocal,
  };
}

/** True for services that get kernel rules at all. */
export const isProxied = (s: Service): boolean =>
  s.spec?.type !== 'ExternalName' && Boolean(s.spec?.clusterIP) && s.spec?.clusterIP !== 'None';

/** The table rows of one service, as the proxy at this place needs them. */
export function servicePorts(service: Service, slices: readonly EndpointSlice[], place: Place): ServicePort[] {
  const clusterIP = clusterIpOf(service, place.family);
  if (!isProxied(service) || clusterIP === undefined) return [];
  return (service.spec?.ports ?? []).map((p) =>
    portOf(service, p, { candidates: candidatesOf(slices, p.name ?? '', place), clusterIP, place }),
  );
}

/** What load balancers may ask this node about the service; undefined when it offers no such check. */
export function healthCheckOf(
  service: Service,
  slices: readonly EndpointSlice[],
  node: string,
): HealthCheck | undefined {
  const { metadata, spec } = service;
  const port = spec?.healthCheckNodePort;
  if (!isProxied(service) || spec?.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local' || !port) return;
  const localEndpoints = Math.max(...FAMILIES.map((family) => readyHere(spec.ports ?? [], slices, { node, family })));
  const { namespace = '', name = '', uid = '' } = metadata ?? {};
  return { namespace, name, uid, port, localEndpoints };
}

/** Addresses at this node that take traffic for one of the ports. A pod has one in each family. */
function readyHere(
  ports: readonly PortSpec[],
  slices: readonly EndpointSlice[],
  place: Pick<Place, 'node' | 'family'>,
): number {
  const all = ports.flatMap((p) => candidatesOf(slices, p.name ?? '', place));
  return new Set(all.flatMap((e) => (e.local && e.ready ? [e.ip] : []))).size;
}
