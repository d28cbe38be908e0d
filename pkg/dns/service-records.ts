import type { Endpoint, EndpointSlice, Service } from '#api/kinds/index.ts';
import { addressBytes } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { addressLabel, reverseName } from './addresses.ts';
import { type RecordData, TYPE } from './wire.ts';

/** What a Service contributes: below the cluster domain, and to the reverse zones (by full name). */
export interface ServiceRecords {
  readonly forward: ReadonlyMap<string, readonly RecordData[]>;
  readonly reverse: ReadonlyMap<string, readonly RecordData[]>;
}

const SRV_WEIGHT = 100;

class Collector implements ServiceRecords {
  readonly forward = new Map<string, RecordData[]>();
  readonly reverse = new Map<string, RecordData[]>();
  readonly #domain: string;

  constructor(domain: string) {
    this.#domain = domain;
  }

  add(name: string, data: RecordData): void {
    const list = this.forward.get(name);
    if (list) list.push(data);
    else this.forward.set(name, [data]);
  }

  /** The name exists, even if it has no records. */
  name(name: string): void {
    if (!this.forward.has(name)) this.forward.set(name, []);
  }

  address(name: string, text: string): void {
    const address = addressBytes(text);
    if (!address) return;
    const type = address.length === 4 ? TYPE.A : TYPE.AAAA;
    const known = this.forward.get(name)?.some((d) => 'address' in d && d.address.equals(address));
    if (!known) this.add(name, { type, address });
  }

  pointer(text: string, name: string): void {
    const address = addressBytes(text);
    if (address) this.reverse.set(reverseName(address), [{ type: TYPE.PTR, target: `${name}.${this.#domain}` }]);
  }

  service(service: string, target: string, port: { name?: string; protocol?: string; port?: number }): void {
    if (!port.name || !port.port) return;
    const owner = `_${port.name}._${(port.protocol ?? 'TCP').toLowerCase()}.${service}`.toLowerCase();
    const srv = { type: TYPE.SRV, port: port.port, weight: SRV_WEIGHT, target: `${target}.${this.#domain}` } as const;
    // A host with addresses of both families stands in slices of both.
    const same = (d: RecordData): boolean => d.type === TYPE.SRV && d.target === srv.target && d.port === srv.port;
    if (!this.forward.get(owner)?.some(same)) this.add(owner, srv);
  }
}

/**
 * The records of a Service ("Kubernetes DNS-Based Service Discovery" 1.1.0, section 2).
 * @param domain the cluster domain, such as "cluster.local"
 */
export function serviceRecords(
  service: Stored<Service>,
  slices: readonly Stored<EndpointSlice>[],
  domain: string,
): ServiceRecords {
  const { name, namespace = '' } = service.metadata;
  const { spec = {} } = service;
  const own = `${name}.${namespace}.svc`;
  const out = new Collector(domain);
  if (spec.type === 'ExternalName') {
    const target = (spec.externalName ?? '').toLowerCase().replace(/\.$/, '');
    out.add(own, { type: TYPE.CNAME, target });
    return out;
  }
  out.name(own);
  const ips = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  if (spec.clusterIP === 'None') {
    headless(out, own, service, slices);
    return out;
  }
  for (const ip of ips) {
    out.address(own, ip);
    out.pointer(ip, own);
  }
  for (const port of spec.ports ?? []) out.service(own, own, port);
  return out;
}

function headless(
  out: Collector,
  own: string,
  service: Stored<Service>,
  slices: readonly Stored<EndpointSlice>[],
): void {
  const unready = service.spec?.publishNotReadyAddresses === true;
  for (const slice of slices) {
    for (const endpoint of slice.endpoints ?? []) {
      if (!unready && endpoint.conditions?.ready === false) continue;
      for (const address of endpoint.addresses) {
        const host = `${hostLabel(endpoint, address)}.${own}`;
        out.address(own, address);
        out.address(host, address);
        out.pointer(address, host);
      }
      const [first] = endpoint.addresses;
      if (first === undefined) continue;
      for (const port of slice.ports ?? []) out.service(own, `${hostLabel(endpoint, first)}.${own}`, port);
    }
  }
}

/** Endpoints without a hostname are named after their address. */
const hostLabel = (e: Endpoint, address: string): string => (e.hostname ?? addressLabel(address)).toLowerCase();
