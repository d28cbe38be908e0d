import { type ServiceCIDR, ServiceCIDRs } from '#api/kinds/index.ts';
import { addressNumber, familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { AddressRange } from './range.ts';

/** The ServiceCIDR that stands for --service-cluster-ip-range. */
export const DEFAULT_CIDR = 'kubernetes';

/** One that is going away gives no more addresses. */
const isReady = ({ metadata, status }: Stored<ServiceCIDR>): boolean =>
  !metadata.deletionTimestamp && !status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'False');

/** The default one first, the others by age. */
function inOrder(a: Stored<ServiceCIDR>, b: Stored<ServiceCIDR>): number {
  const rank = ({ metadata }: Stored<ServiceCIDR>): string =>
    metadata.name === DEFAULT_CIDR ? '' : `${metadata.creationTimestamp} ${metadata.name}`;
  return rank(a) < rank(b) ? -1 : 1;
}

/** Where Services get their addresses from: the ServiceCIDRs that are ready ("Extend Service IP Ranges"). */
export class ServiceRanges {
  /** Those of the default ServiceCIDR; until it exists, they are what there is. */
  readonly configured: readonly AddressRange[];
  readonly #resources: ResourceTable;
  #known = new Map<string, AddressRange>();
  /** Ranges in which nothing was free, since the last address was given back. */
  readonly #full = new Set<AddressRange>();

  constructor(resources: ResourceTable, cidrs: readonly string[]) {
    this.#resources = resources;
    this.configured = cidrs.map((cidr) => new AddressRange(cidr));
  }

  /** What Services may have: the primary one first. */
  get families(): IpFamily[] {
    return this.configured.map((r) => r.family);
  }

  /** Those of one family, in the order in which they are used up. */
  of(family: IpFamily): AddressRange[] {
    const { cache } = this.#resources.of(ServiceCIDRs);
    const objects = cache.list('').map((e) => e.object as Stored<ServiceCIDR>);
    const cidrs = objects
      .filter(isReady)
      .sort(inOrder)
      .flatMap((o) => o.spec?.cidrs ?? []);
    const before = this.#known;
    this.#known = new Map(cidrs.map((cidr) => [cidr, before.get(cidr) ?? new AddressRange(cidr)]));
    const ranges = [...this.#known.values()];
    const all = cache.get(DEFAULT_CIDR) ? ranges : [...this.configured, ...ranges];
    return all.filter((r) => r.family === family);
  }

  /**
   * An address nobody has; undefined when all are taken.
   * @param tried taken a moment ago, though `taken` may not know it: they may be free again before it does
   */
  free(family: IpFamily, taken: (ip: string) => boolean, tried: ReadonlySet<string>): string | undefined {
    for (const range of this.of(family)) {
      if (this.#full.has(range)) continue;
      const found = range.free((ip) => tried.has(ip) || taken(ip));
      if (found !== undefined) return found;
      if (tried.size === 0) this.#full.add(range);
    }
    return undefined;
  }

  /** Whether a Service may be given this address. */
  holds(ip: string): boolean {
    return this.of(familyOf(ip)).some((r) => r.holds(addressNumber(ip)));
  }

  /** To be called when an address is free again. */
  freed(): void {
    this.#full.clear();
  }
}
