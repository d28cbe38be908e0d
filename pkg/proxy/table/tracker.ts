import { type Node, Nodes } from '#api/kinds/index.ts';
import { FAMILIES, ofFamily } from '#api/meta/families.ts';
import { canonicalAddress, type IpFamily } from '#api/meta/ip.ts';
import { ServiceSlices } from '#client/service-slices.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import { announcedBy, healthCheckOf, servicePorts } from './build.ts';
import type { HealthCheck, ServicePort, ServiceTable, ServiceTables } from './types.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** Put on a node that the cluster autoscaler is about to remove. */
const LEAVING_TAINT = 'ToBeDeletedByClusterAutoscaler';
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
  #staying = true;
  #addresses: Readonly<Record<IpFamily, string | undefined>> = { IPv4: undefined, IPv6: undefined };
  readonly #shares: Readonly<Record<IpFamily, Map<string, Share>>> = { IPv4: new Map(), IPv6: new Map() };
  readonly #healthChecks = new Map<string, HealthCheck>();
  readonly #dirty = new Set<string>();
  readonly #changed: () => void;

  constructor(informers: InformerFactory, node: string, changed: () => void) {
    this.#node = node;
    this.#changed = changed;
    this.#services = new ServiceSlices(informers, (key) => this.#mark(key));
    this.#self = informers.informer(Nodes, { fieldSelector: `metadata.name=${node}` });
    const moved = (n: Node): void => this.#moveTo(n);
    this.#self.addHandlers({ onAdd: moved, onUpdate: (_old, n) => moved(n) });
  }

  /** Resolves when all informers have their first complete list: before that, no rules may be written. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#services.synced(signal), this.#self.synced(signal)]);
  }

  /** Endpoints may be meant for zones, and load balancers open to some nodes: Services are looked at again. */
  #moveTo({ metadata, spec, status }: Node): void {
    this.#staying =
      metadata?.deletionTimestamp === undefined && !spec?.taints?.some(({ key }) => key === LEAVING_TAINT);
    const zone = metadata?.labels?.[ZONE_LABEL];
    const own = (status?.addresses ?? []).flatMap((a) => (a.type === 'InternalIP' ? [a.address] : []));
    const ipOf = (family: IpFamily): string | undefined => canonicalAddress(ofFamily(family, own) ?? '');
    const [before, now] = [this.#addresses, { IPv4: ipOf('IPv4'), IPv6: ipOf('IPv6') }];
    const rezoned = zone !== this.#zone;
    this.#zone = zone;
    this.#addresses = now;
    for (const f of FAMILIES) {
      for (const [key, { rows }] of this.#shares[f]) {
        if (rezoned || (now[f] !== before[f] && rows.some((r) => r.sourceRanges.length > 0))) this.#mark(key);
      }
    }
  }

  #mark(key: string): void {
    this.#dirty.add(key);
    this.#changed();
  }

  /** False once this node is known to be on its way out: load balancers are to send it nothing new. */
  get nodeEligible(): boolean {
    return this.#staying;
  }

  /** This node's own address of a family, if it is known. */
  nodeIp(family: IpFamily): string | undefined {
    return this.#addresses[family];
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
      const place = { node: this.#node, zone: this.#zone, nodeIp: this.#addresses[family], family };
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
