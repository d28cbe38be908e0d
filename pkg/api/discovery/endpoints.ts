import type { EndpointSlice } from '../kinds/index.ts';

/** Label of a slice that names its Service. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** "namespace/name" of the Service a slice belongs to. */
export const serviceKeyOf = (s: EndpointSlice): string =>
  `${s.metadata?.namespace}/${s.metadata?.labels?.[SERVICE_NAME_LABEL]}`;

/** One address behind one port of a Service. */
export interface PortEndpoint {
  readonly ip: string;
  readonly port: number;
  readonly nodeName: string | undefined;
  /** Zones whose clients should use it; undefined: no hint was given. */
  readonly forZones: readonly string[] | undefined;
  readonly ready: boolean;
  /** Still serves while it terminates: the last resort. */
  readonly lastResort: boolean;
}

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

function portEndpoint(e: SliceEndpoint, ip: string, port: number): PortEndpoint {
  const c = e.conditions;
  return {
    ip,
    port,
    nodeName: e.nodeName,
    forZones: e.hints?.forZones?.map((z) => z.name),
    // Absent means unknown, which is to be read as ready.
    ready: c?.ready ?? true,
    lastResort: (c?.serving ?? c?.ready ?? true) && c?.terminating === true,
  };
}

/** All endpoints of one named port over all slices of a Service, each address once, in order of address and port. */
export function endpointsOfPort(
  slices: readonly EndpointSlice[],
  portName: string,
  family: 'IPv4' | 'IPv6' = 'IPv4',
): PortEndpoint[] {
  const found = new Map<string, PortEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    const port = slice.ports?.find((p) => (p.name ?? '') === portName)?.port;
    if (port === undefined) continue;
    for (const e of slice.endpoints ?? []) {
      const ip = e.addresses[0];
      if (!ip) continue;
      const endpoint = portEndpoint(e, ip, port);
      const key = `${ip}:${port}`;
      // During an update an address may be in two slices; the better news wins.
      if (!found.has(key) || endpoint.ready) found.set(key, endpoint);
    }
  }
  return [...found.values()].sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

/** Ready ones; when there are none, those that still serve while terminating ("EndpointSlices", conditions). */
export function usableEndpoints<T extends { readonly ready: boolean; readonly lastResort: boolean }>(
  all: readonly T[],
): T[] {
  const ready = all.filter((e) => e.ready);
  return ready.length > 0 ? ready : all.filter((e) => e.lastResort);
}
