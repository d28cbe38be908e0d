import { type Node, Nodes } from '#api/kinds/index.ts';
import { FAMILIES } from '#api/meta/families.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import { ServiceSlices } from '#client/service-slices.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import { announcedBy, healthCheckOf, servicePorts } from './build.ts';
import type { HealthCheck, ServicePort, ServiceTable, ServiceTables } from './types.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const SKIP_LABEL = 'service.kubernetes.io/service-proxy-name';

/** What one Service needs in one family. */
interface Share {
  readonly rows: readonly ServicePort[];
  readonly announced: readonly string[];
}

/** Keeps the tables of services up to date from informers, recomputing only services that changed. */
export class ServiceTracker {
  readonly #node: string;
  readonly #services: ServiceSlices;
  /** The node this runs on, alone. */
  readonly #self: Informer<Node>;
  #zone: string | undefined;
  readonly #shares: Readonly<Record<IpFamily, Map<string, Share>>> = { IPv4: new Map(), IPv6: new Map() };
  readonly #healthChecks = new Map<string, HealthCheck>();
  readonly #dirty = new Set<string>();
  readonly #changed: () => void;

  constructor(informers: InformerFactory, node: string, changed: () => void) {
    this.#node = node;
    this.#changed = changed;
    this.#services = new ServiceSlices(informers, (key) => this.#mark(key));
    this.#self = informers.informer(Nodes, { fieldSelector: `metadata.name=${node}` });
    const moved = (n: Node): void => this.#moveTo(n.metadata?.labels?.[ZONE_LABEL]);
    this.#self.addHandlers({ onAdd: moved, onUpdate: (_old, n) => moved(n) });
  }

  /** Resolves when all informers have their first complete list: before that, no rules may be written. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#services.synced(signal), this.#self.synced(signal)]);
  }

  /** Endpoints may be meant for zones: all Services are looked at again. */
  #moveTo(zone: string | undefined): void {
    if (zone === this.#zone) return;
    this.#zone = zone;
    for (const f of FAMILIES) for (const key of this.#shares[f].keys()) this.#mark(key);
  }

  #mark(key: string): void {
    this.#dirty.add(key);
    this.#changed();
  }

  /** This node's own address of a family, if it is known. */
  nodeIp(family: IpFamily): string | undefined {
    const addresses = this.#self.lister.get(this.#node)?.status?.addresses;
    return addresses?.find((a) => a.type === 'InternalIP' && familyOf(a.address) === family)?.address;
  }

  tables(): ServiceTables {
    for (const key of this.#dirty) this.#recompute(key);
    this.#dirty.clear();
    const families = { IPv4: tableOf(this.#shares.IPv4), IPv6: tableOf(this.#shares.IPv6) };
    return { families, healthChecks: [...this.#healthChecks.values()] };
  }

  #recompute(key: string): void {
    const service = this.#services.service(key);
    const foreign = service?.metadata.labels?.[SKIP_LABEL] !== undefined;
    this.#healthChecks.delete(key);
    for (const f of FAMILIES) this.#shares[f].delete(key);
    if (!service || foreign) return;
    const slices = this.#services.slicesOf(key);
    for (const family of FAMILIES) {
      const place = { node: this.#node, zone: this.#zone, family };
      const share = { rows: servicePorts(service, slices, place), announced: announcedBy(service, place) };
      if (share.rows.length > 0) this.#shares[family].set(key, share);
    }
    const check = healthCheckOf(service, slices, this.#node);
    if (check) this.#healthChecks.set(key, check);
  }
}

function tableOf(shares: ReadonlyMap<string, Share>): ServiceTable {
  const all = [...shares.values()];
  const ports = all.flatMap((s) => s.rows).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return { ports, announced: [...new Set(all.flatMap((s) => s.announced))].sort() };
}
