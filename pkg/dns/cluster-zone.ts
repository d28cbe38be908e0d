import { type Namespace, Namespaces } from '#api/kinds/index.ts';
import { addressBytes } from '#api/meta/ip.ts';
import { ServiceSlices } from '#client/service-slices.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import { labelAddress } from './addresses.ts';
import { serviceRecords } from './service-records.ts';
import { type RecordData, TYPE } from './wire.ts';
import { type Found, Zone } from './zone.ts';

const SCHEMA_VERSION = '1.1.0';
const POD_SUFFIX = '.pod';
const EMPTY: readonly RecordData[] = [];

/** The cluster's zone, kept up to date by informers: a change is visible as soon as its event is. */
export class ClusterZone {
  readonly domain: string;
  readonly #services: ServiceSlices;
  readonly #namespaces: Informer<Namespace>;
  readonly #forward = new Zone();
  readonly #reverse = new Zone();

  /** @param domain such as "cluster.local". @param server address that queries are sent to: the name server's own. */
  constructor(informers: InformerFactory, domain: string, server: string) {
    this.domain = domain;
    this.#services = new ServiceSlices(informers, (key) => this.#update(key));
    this.#namespaces = informers.informer(Namespaces);
    this.#forward.set('', this.#fixed(server));
  }

  #fixed(server: string): Map<string, RecordData[]> {
    const records = new Map<string, RecordData[]>([
      ['dns-version', [{ type: TYPE.TXT, text: SCHEMA_VERSION }]],
      // Empty, not absent, even in a cluster without Services.
      ['svc', []],
      ['pod', []],
    ]);
    const address = addressBytes(server);
    if (address) records.set('ns.dns', [{ type: address.length === 4 ? TYPE.A : TYPE.AAAA, address }]);
    return records;
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#services.synced(signal), this.#namespaces.synced(signal)]);
  }

  #update(key: string): void {
    const service = this.#services.service(key);
    const { forward, reverse } = service
      ? serviceRecords(service, this.#services.slicesOf(key), this.domain)
      : { forward: new Map(), reverse: new Map() };
    this.#forward.set(key, forward);
    this.#reverse.set(key, reverse);
  }

  /** Records of `name`, given relative to the domain; undefined when there is no such name. "" is the zone itself. */
  find(name: string): Found {
    if (name === '') return [{ type: TYPE.NS, target: `ns.dns.${this.domain}` }];
    return this.#forward.find(name) ?? this.#pod(name);
  }

  /** "10-1-2-3.namespace.pod": computed from the name, for every namespace there is. */
  #pod(name: string): Found {
    if (!name.endsWith(POD_SUFFIX)) return undefined;
    const labels = name.slice(0, -POD_SUFFIX.length).split('.');
    const namespace = labels.pop() ?? '';
    if (labels.length > 1 || !this.#namespaces.lister.get(namespace)) return undefined;
    const [label] = labels;
    if (label === undefined) return EMPTY;
    const address = labelAddress(label);
    return address && [{ type: address.length === 4 ? TYPE.A : TYPE.AAAA, address }];
  }

  /** PTR records of a full name below in-addr.arpa or ip6.arpa, undefined for addresses of no Service. */
  findReverse(name: string): Found {
    const found = this.#reverse.find(name);
    return found && found.length > 0 ? found : undefined;
  }
}
