import { type EndpointSlice, EndpointSlices, type Service, Services } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client, InformerFactory } from '#client/types.ts';
import { type Outcome, type Watch, watching } from '../harness/controller.ts';
import { LastWritten, RecentWrites } from '../harness/recent-writes.ts';
import { controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';
import type { PortGroup } from './desired.ts';
import { planSlices, type SlicePlan, type SliceUpdate } from './plan.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const MANAGED_LABEL = 'endpointslice.kubernetes.io/managed-by';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
/** Changes within this time lead to one write. Short: what goes away must be out of the slices at once. */
export const GATHER_MS = 10;

export type AddressType = EndpointSlice['addressType'];

/** What slices of one address type shall hold. */
export interface TypeWanted {
  readonly addressType: AddressType;
  readonly groups: readonly PortGroup[];
}

/** What the slices of a service shall hold; those of other address types go. */
export interface Wanted {
  readonly byType: readonly TypeWanted[];
  /** Beside those that say whose slices they are. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The EndpointSlices that one controller keeps for services, told from those of others by a label. */
export class ServiceSlices {
  readonly watch: Watch;
  readonly #client: Client;
  readonly #manager: string;
  readonly #slices;
  readonly #index: string;
  readonly #recent: RecentWrites<EndpointSlice>;
  readonly #written = new LastWritten<EndpointSlice>();

  constructor(o: { client: Client; informers: InformerFactory; manager: string }) {
    this.#client = o.client;
    this.#manager = o.manager;
    this.#index = `slices-by-service-of-${o.manager}`;
    this.#slices = o.informers.informer(EndpointSlices);
    this.#slices.addIndex(this.#index, (s) => this.keysOf(s));
    this.#recent = new RecentWrites(this.#slices);
    this.watch = watching(
      EndpointSlices,
      (s, _old, gone) => {
        if (gone) this.#written.forget(s.metadata.uid);
        return this.keysOf(s);
      },
      { delayMs: GATHER_MS },
    );
  }

  /** The key of the service, for a slice that is ours. */
  keysOf(s: Stored<EndpointSlice>): string[] {
    const { namespace, labels = {} } = s.metadata;
    return labels[MANAGED_LABEL] === this.#manager ? [`${namespace}/${labels[SERVICE_LABEL]}`] : [];
  }

  /** All keys there are slices for. */
  keys(): string[] {
    return [...this.#slices.lister.list()].flatMap((s) => this.keysOf(s));
  }

  /** The service is gone, or no longer ours to serve. */
  async clear(key: string): Promise<void> {
    await Promise.all(this.#slices.lister.byIndex(this.#index, key).map((s) => this.#remove(s)));
  }

  forget(serviceUid: string): void {
    this.#recent.forget(serviceUid);
  }

  /** Writes what differs, and nothing else. What leaves a slice goes before anything is removed. */
  async apply(service: Stored<Service>, wanted: Wanted): Promise<Outcome> {
    const { uid, name, namespace } = service.metadata;
    const cached = this.#slices.lister.byIndex(this.#index, `${namespace}/${name}`);
    const present = this.#recent.overlay(uid, cached).map((s) => this.#written.freshest(s));
    // Those of an earlier service of that name go with it, whatever they hold: the garbage collector removes them.
    const own = present.filter((s) => controllerOf(s)?.uid === uid);
    const labels = this.#labels(service, wanted.labels);
    const plans = wanted.byType.map(({ addressType, groups }) => ({
      addressType,
      ...planSlices(
        groups,
        own.filter((s) => s.addressType === addressType),
        labels,
      ),
    }));
    const strangers = present.filter(
      (s) => !own.includes(s) || !wanted.byType.some((w) => w.addressType === s.addressType),
    );
    try {
      await Promise.all(plans.flatMap((p) => p.update.map((u) => this.#update(u, labels))));
      await Promise.all(
        plans.flatMap(({ addressType, create }) =>
          create.map((c) => this.#create(service, c, { addressType, labels })),
        ),
      );
      await Promise.all(
        [...plans.flatMap((p) => p.remove), ...strangers].map(async (s) => {
          await this.#remove(s);
          this.#recent.deleted(uid, s.metadata.uid);
        }),
      );
    } catch (e) {
      if (isAlreadyExists(e)) return { afterMs: GATHER_MS };
      if (!isNotFound(e) && !isNamespaceTerminating(e)) throw e;
    }
    return undefined;
  }

  #labels(service: Stored<Service>, more: Readonly<Record<string, string>>): Record<string, string> {
    const labels = { ...more, [SERVICE_LABEL]: service.metadata.name, [MANAGED_LABEL]: this.#manager };
    return service.spec?.clusterIP === 'None' ? { ...labels, [HEADLESS_LABEL]: '' } : labels;
  }

  async #create(
    service: Stored<Service>,
    group: SlicePlan['create'][number],
    w: { readonly addressType: AddressType; readonly labels: Readonly<Record<string, string>> },
  ): Promise<void> {
    const slice: EndpointSlice = {
      metadata: {
        generateName: `${service.metadata.name}-`,
        namespace: service.metadata.namespace,
        labels: w.labels,
        ownerReferences: [controllerRefTo(Services, service)],
      },
      addressType: w.addressType,
      ports: [...group.ports],
      endpoints: [...group.endpoints],
    };
    this.#recent.created(service.metadata.uid, await this.#client.create(EndpointSlices, slice));
  }

  async #update(u: SliceUpdate, labels: Readonly<Record<string, string>>): Promise<void> {
    const metadata = { ...u.slice.metadata, labels };
    const { ports, endpoints } = u;
    const next = { ...u.slice, metadata, ports: [...ports], endpoints: [...endpoints] };
    this.#written.wrote(await this.#client.update(EndpointSlices, next as Stored<EndpointSlice>));
  }

  async #remove(slice: Stored<EndpointSlice>): Promise<void> {
    const { name, namespace, uid } = slice.metadata;
    try {
      await this.#client.delete(EndpointSlices, name, namespace, { preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }
}
