import type { EndpointSlice, Service } from '#api/kinds/index.ts';
import type { Endpoint, ServicePort } from './types.ts';

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];
type PortSpec = NonNullable<NonNullable<Service['spec']>['ports']>[number];

interface Candidate extends Endpoint {
  readonly ready: boolean;
  /** Still serves while it terminates: the last resort. */
  readonly lastResort: boolean;
}

function candidate(e: SliceEndpoint, ip: string, port: number, node: string): Candidate {
  const c = e.conditions;
  return {
    ip,
    port,
    local: e.nodeName === node,
    // Absent means unknown, which is to be read as ready.
    ready: c?.ready ?? true,
    lastResort: (c?.serving ?? c?.ready ?? true) && c?.terminating === true,
  };
}

/** All endpoints of one named port over all slices of a service, each address once. */
function candidatesOf(slices: readonly EndpointSlice[], portName: string, node: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const port = slice.ports?.find((p) => (p.name ?? '') === portName)?.port;
    if (port === undefined) continue;
    for (const e of slice.endpoints ?? []) {
      const ip = e.addresses[0];
      if (!ip) continue;
      const c = candidate(e, ip, port, node);
      const key = `${ip}:${port}`;
      // During an update an address may be in two slices; the better news wins.
      if (!found.has(key) || c.ready) found.set(key, c);
    }
  }
  return [...found.values()].sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

const plain = ({ ip, port, local }: Candidate): Endpoint => ({ ip, port, local });

/** Ready ones; when there are none, those that still serve while terminating ("EndpointSlices", conditions). */
function usable(candidates: readonly Candidate[]): Endpoint[] {
  const ready = candidates.filter((c) => c.ready);
  return (ready.length > 0 ? ready : candidates.filter((c) => c.lastResort)).map(plain);
}

function portOf(service: Service, p: PortSpec, candidates: readonly Candidate[]): ServicePort {
  const spec = service.spec ?? {};
  const local = candidates.filter((c) => c.local);
  const externalLocal = spec.externalTrafficPolicy === 'Local';
  const ingress = (service.status?.loadBalancer?.ingress ?? []).flatMap((i) =>
    i.ip && i.ipMode !== 'Proxy' ? [i.ip] : [],
  );
  return {
    id: `${service.metadata?.namespace}/${service.metadata?.name}:${p.name ?? ''}`,
    protocol: (p.protocol ?? 'TCP').toLowerCase() as ServicePort['protocol'],
    clusterIP: spec.clusterIP ?? '',
    port: p.port,
    nodePort: spec.type === 'ClusterIP' ? 0 : (p.nodePort ?? 0),
    externalIPs: [...new Set([...(spec.externalIPs ?? []), ...ingress])].sort(),
    sourceRanges: [...(spec.loadBalancerSourceRanges ?? [])].sort(),
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : 0,
    internal: usable(spec.internalTrafficPolicy === 'Local' ? local : candidates),
    external: usable(externalLocal ? local : candidates),
    externalLocal,
  };
}

/** True for services that get kernel rules at all. */
export const isProxied = (s: Service): boolean =>
  s.spec?.type !== 'ExternalName' && Boolean(s.spec?.clusterIP) && s.spec?.clusterIP !== 'None';

/** The table rows of one service. `node` is the name of the node the proxy runs on. */
export function servicePorts(service: Service, slices: readonly EndpointSlice[], node: string): ServicePort[] {
  if (!isProxied(service)) return [];
  return (service.spec?.ports ?? []).map((p) => portOf(service, p, candidatesOf(slices, p.name ?? '', node)));
}
