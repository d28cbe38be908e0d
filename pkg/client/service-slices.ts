import { serviceKeyOf } from '#api/discovery/endpoints.ts';
import { type EndpointSlice, EndpointSlices, type Service, Services } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Informer, InformerFactory } from './types.ts';

const BY_SERVICE = 'service';

/** Services and their slices: tells which Service has changed, itself or in its endpoints. Keys are "namespace/name". */
export class ServiceSlices {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;

  /** @param changed called for each change, with the state after it to be read at once */
  constructor(informers: InformerFactory, changed: (key: string) => void) {
    this.#services = informers.informer(Services);
    this.#slices = informers.informer(EndpointSlices);
    this.#slices.addIndex(BY_SERVICE, (s) => [serviceKeyOf(s)]);
    const service = (s: Stored<Service>): void => changed(`${s.metadata.namespace}/${s.metadata.name}`);
    const slice = (s: EndpointSlice): void => changed(serviceKeyOf(s));
    this.#services.addHandlers({ onAdd: service, onUpdate: (_old, s) => service(s), onDelete: service });
    this.#slices.addHandlers({
      onAdd: slice,
      onUpdate: (old, s) => {
        slice(s);
        if (serviceKeyOf(old) !== serviceKeyOf(s)) slice(old);
      },
      onDelete: slice,
    });
  }

  /** Resolves when both have their first complete list. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#services.synced(signal), this.#slices.synced(signal)]);
  }

  service(key: string): Stored<Service> | undefined {
    const [namespace = '', name = ''] = key.split('/');
    return this.#services.lister.get(name, namespace);
  }

  slicesOf(key: string): readonly Stored<EndpointSlice>[] {
    return this.#slices.lister.byIndex(BY_SERVICE, key);
  }
}
