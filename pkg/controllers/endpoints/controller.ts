import { type Endpoints, EndpointsResource, type Pod, Pods, type Service, Services } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound, isRefused } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { desiredGroups, familiesOf, type PortGroup } from '../endpointslice/desired.ts';
import { podConcernsServices, servicesSelecting } from '../endpointslice/selecting.ts';
import {
  type Controller,
  type ControllerDeps,
  type Enqueue,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byLabels } from '../harness/indexes.ts';
import { LastWritten } from '../harness/recent-writes.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';

const GATHER_MS = 10;
/** Endpoints objects are cut off here; slices are not. */
const MAX_ADDRESSES = 1000;
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MANAGED_LABEL = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

type Subset = NonNullable<Endpoints['subsets']>[number];

function subsetOf(group: PortGroup): Subset {
  const address = (e: PortGroup['endpoints'][number]) => ({
    ip: e.addresses[0] ?? '',
    ...(e.hostname ? { hostname: e.hostname } : {}),
    ...(e.nodeName ? { nodeName: e.nodeName } : {}),
    ...(e.targetRef ? { targetRef: e.targetRef } : {}),
  });
  // Pods that are being deleted do not show, unless the service wants all it can get.
  const live = group.endpoints.filter((e) => !e.conditions?.terminating || e.conditions.ready);
  const ready = live.filter((e) => e.conditions?.ready).map(address);
  const notReady = live.filter((e) => !e.conditions?.ready).map(address);
  return {
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ports: group.ports.map((p) => ({
      ...(p.name ? { name: p.name } : {}),
      port: p.port ?? 0,
      protocol: p.protocol ?? 'TCP',
    })),
  } as Subset;
}

const count = (s: Subset): number => (s.addresses ?? []).length + (s.notReadyAddresses ?? []).length;

/** Cuts all subsets together to the most addresses an object may have: ready ones stay before others. */
function capped(subsets: readonly Subset[]): Subset[] {
  let room = MAX_ADDRESSES;
  const take = <A>(list: A[] | undefined): A[] => {
    const taken = (list ?? []).slice(0, room);
    room -= taken.length;
    return taken;
  };
  const ready = subsets.map((s) => take(s.addresses));
  const notReady = subsets.map((s) => take(s.notReadyAddresses));
  return subsets.map((s, i) => ({
    ...(ready[i]?.length ? { addresses: ready[i] } : {}),
    ...(notReady[i]?.length ? { notReadyAddresses: notReady[i] } : {}),
    ports: s.ports,
  }));
}

/** Pure: the subsets of an Endpoints object; groups without addresses do not show. `truncated`: some did not fit. */
export function subsetsOf(groups: readonly PortGroup[]): { subsets: Subset[]; truncated: boolean } {
  const all = groups.map(subsetOf).filter((s) => count(s) > 0);
  if (all.reduce((n, s) => n + count(s), 0) <= MAX_ADDRESSES) return { subsets: all, truncated: false };
  return { subsets: capped(all).filter((s) => count(s) > 0), truncated: true };
}

/** Labels and annotations of the Endpoints of a service, over those somebody else has put there. */
function metadataOf(service: Stored<Service>, present: Endpoints | undefined, truncated: boolean) {
  const { [OVER_CAPACITY]: _, ...others } = present?.metadata?.annotations ?? {};
  const annotations = truncated ? { ...others, [OVER_CAPACITY]: 'truncated' } : others;
  const labels: Record<string, string> = { ...service.metadata.labels, [MANAGED_LABEL]: MANAGER };
  if (service.spec?.clusterIP === 'None') labels[HEADLESS_LABEL] = '';
  return { labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) };
}

/** The older Endpoints objects of services with a selector, for clients that do not know slices. */
class EndpointsController implements Controller {
  readonly name = 'endpoints';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #services;
  readonly #pods;
  readonly #endpoints;
  readonly #podsWith;
  readonly #selecting;
  readonly #events;
  readonly #written = new LastWritten<Endpoints>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#services = deps.informers.informer(Services);
    this.#pods = deps.informers.informer(Pods);
    this.#endpoints = deps.informers.informer(EndpointsResource);
    this.#events = deps.events('endpoint-controller');
    this.#podsWith = byLabels(this.#pods);
    this.#selecting = servicesSelecting(this.#services);
    this.watches = [
      watching(Services, ownKey),
      watching(Pods, (pod: Stored<Pod>, old) => (podConcernsServices(pod, old) ? this.#selecting(pod, old) : []), {
        delayMs: GATHER_MS,
      }),
      watching(
        EndpointsResource,
        (e, _old, gone) => {
          if (gone) this.#written.forget(e.metadata.uid);
          return this.#services.lister.get(e.metadata.name, e.metadata.namespace) ? ownKey(e) : [];
        },
        { delayMs: GATHER_MS },
      ),
    ];
  }

  async #write(service: Stored<Service>, groups: readonly PortGroup[]): Promise<void> {
    const { name, namespace } = service.metadata;
    const { subsets, truncated } = subsetsOf(groups);
    const cached = this.#endpoints.lister.get(name, namespace);
    const present = cached && this.#written.freshest(cached);
    const { labels, annotations } = metadataOf(service, present, truncated);
    if (!present) {
      const made = { metadata: { name, namespace, labels, ...(annotations ? { annotations } : {}) }, subsets };
      this.#written.wrote(await this.#deps.client.create(EndpointsResource, made as Endpoints));
      return;
    }
    const { annotations: _, ...metadata } = present.metadata;
    const next = { ...present, metadata: { ...metadata, labels, ...(annotations ? { annotations } : {}) }, subsets };
    if (sameJson({ ...present, subsets: present.subsets ?? [] }, next)) return;
    this.#written.wrote(await this.#deps.client.update(EndpointsResource, next as Stored<Endpoints>));
  }

  /** Their service is gone. Others of that name, or the same put to use for a new service, stay. */
  async #remove(present: Stored<Endpoints> | undefined): Promise<void> {
    if (!present) return;
    const { name, namespace, uid, resourceVersion } = this.#written.freshest(present).metadata;
    const preconditions = { uid, resourceVersion };
    await this.#deps.client.delete(EndpointsResource, name, namespace, { preconditions });
  }

  #tellFailure(service: Stored<Service>, why: string): void {
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    const there = this.#endpoints.lister.get(service.metadata.name, service.metadata.namespace);
    if (there)
      this.#events.event(there, 'Warning', 'FailedToUpdateEndpoint', `Failed to update endpoint ${key}: ${why}`);
    else
      this.#events.event(
        service,
        'Warning',
        'FailedToCreateEndpoint',
        `Failed to create endpoint for service ${key}: ${why}`,
      );
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const service = this.#services.lister.get(name, namespace);
    try {
      if (service?.spec?.selector && service.spec.type !== 'ExternalName') {
        // They have one family only: the service's primary one.
        const [family = 'IPv4'] = familiesOf(service);
        const pods = this.#podsWith(namespace, service.spec.selector);
        await this.#write(service, desiredGroups(service, pods, { family }));
      } else if (!service) await this.#remove(this.#endpoints.lister.get(name, namespace));
    } catch (e) {
      if (isAlreadyExists(e)) return { afterMs: 100 };
      if (isNotFound(e) || isNamespaceTerminating(e)) return undefined;
      if (service && isRefused(e)) this.#tellFailure(service, e.message);
      throw e;
    }
    return undefined;
  }

  start(enqueue: Enqueue): void {
    // The deletion of a service may have happened while nobody was looking. Leader locks of old have no service.
    for (const e of this.#endpoints.lister.list()) {
      if (e.metadata.labels?.[MANAGED_LABEL] === MANAGER) enqueue(`${e.metadata.namespace}/${e.metadata.name}`);
    }
  }
}

export const endpointsController = (deps: ControllerDeps): Controller => new EndpointsController(deps);
