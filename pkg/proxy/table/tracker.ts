import { type EndpointSlice, EndpointSlices, type Service, Services } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import { servicePorts } from './build.ts';
import type { ServicePort, ServiceTable } from './types.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const SKIP_LABEL = 'service.kubernetes.io/service-proxy-name';
const BY_SERVICE = 'service';

const serviceKeyOf = (s: EndpointSlice): string => `${s.metadata?.namespace}/${s.metadata?.labels?.[SERVICE_LABEL]}`;

/** Keeps the service table up to date from informers, recomputing only services that changed. */
export class ServiceTracker {
  readonly #node: string;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #rows = new Map<string, readonly ServicePort[]>();
  readonly #dirty = new Set<string>();
  readonly #changed: () => void;

  constructor(informers: InformerFactory, node: string, changed: () => void) {
    this.#node = node;
    this.#changed = changed;
    this.#services = informers.informer(Services);
    this.#slices = informers.informer(EndpointSlices);
    this.#slices.addIndex(BY_SERVICE, (s) => [serviceKeyOf(s)]);
    const service = (s: Service): void => this.#mark(`${s.metadata?.namespace}/${s.metadata?.name}`);
    const slice = (s: EndpointSlice): void => this.#mark(serviceKeyOf(s));
    this.#services.addHandlers({ onAdd: service, onUpdate: (_o, s) => service(s), onDelete: service });
    this.#slices.addHandlers({
      onAdd: slice,
      onUpdate: (old, s) => {
        slice(s);
        if (serviceKeyOf(old) !== serviceKeyOf(s)) slice(old);
      },
      onDelete: slice,
    });
  }

  /** Resolves when both informers have their first complete list: before that, no rules may be written. */
  async synced(signal: AbortSignal): Promise<void> {
    await this.#services.synced(signal);
    await this.#slices.synced(signal);
  }

  #mark(key: string): void {
    this.#dirty.add(key);
    this.#changed();
  }

  table(): ServiceTable {
    for (const key of this.#dirty) this.#recompute(key);
    this.#dirty.clear();
    const ports = [...this.#rows.values()].flat().sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return { ports };
  }

  #recompute(key: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const service: Stored<Service> | undefined = this.#services.lister.get(name, namespace);
    const foreign = service?.metadata.labels?.[SKIP_LABEL] !== undefined;
    const rows =
      service && !foreign ? servicePorts(service, this.#slices.lister.byIndex(BY_SERVICE, key), this.#node) : [];
    if (rows.length > 0) this.#rows.set(key, rows);
    else this.#rows.delete(key);
  }
}
