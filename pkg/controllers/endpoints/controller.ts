import { type Endpoints, EndpointsResource, type Pod, Pods, type Service, Services } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { desiredGroups, type PortGroup } from '../endpointslice/desired.ts';
import { podConcernsServices, servicesSelecting } from '../endpointslice/selecting.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { byLabels } from '../harness/indexes.ts';
import { LastWritten } from '../harness/recent-writes.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';

const GATHER_MS = 10;
/** Endpoints objects are cut off here; slices are not. */
const MAX_ADDRESSES = 1000;

type Subset = NonNullable<Endpoints['subsets']>[number];

function subsetOf(group: PortGroup): Subset {
  const address = (e: PortGroup['endpoints'][number]) => ({
    ip: e.addresses[0] ?? '',
    ...(e.hostname ? { hostname: e.hostname } : {}),
    ...(e.nodeName ? { nodeName: e.nodeName } : {}),
    ...(e.targetRef ? { targetRef: e.targetRef } : {}),
  });
  const live = group.endpoints.filter((e) => !e.conditions?.terminating || e.conditions.ready).slice(0, MAX_ADDRESSES);
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

/** Pure: the subsets of an Endpoints object; groups without addresses do not show. */
export const subsetsOf = (groups: readonly PortGroup[]): Subset[] =>
  groups.map(subsetOf).filter((s) => (s.addresses ?? s.notReadyAddresses ?? []).length > 0);

/** The older Endpoints objects of services with a selector, for clients that do not know slices. */
export function endpointsController(deps: ControllerDeps): Controller {
  const services = deps.informers.informer(Services);
  const pods = deps.informers.informer(Pods);
  const endpoints = deps.informers.informer(EndpointsResource);
  const podsWith = byLabels(pods);
  const written = new LastWritten<Endpoints>();

  async function write(service: Stored<Service>, subsets: Subset[]): Promise<void> {
    const { name, namespace, labels } = service.metadata;
    const cached = endpoints.lister.get(name, namespace);
    const present = cached && written.freshest(cached);
    if (!present) {
      written.wrote(
        await deps.client.create(EndpointsResource, {
          metadata: { name, namespace, ...(labels ? { labels } : {}) },
          subsets,
        } as Endpoints),
      );
    } else if (!sameJson(present.subsets ?? [], subsets)) {
      written.wrote(await deps.client.update(EndpointsResource, { ...present, subsets } as Stored<Endpoints>));
    }
  }

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const service = services.lister.get(name, namespace);
    try {
      if (service?.spec?.selector && service.spec.type !== 'ExternalName') {
        await write(service, subsetsOf(desiredGroups(service, podsWith(namespace, service.spec.selector))));
      } else if (!service && endpoints.lister.get(name, namespace)) {
        await deps.client.delete(EndpointsResource, name, namespace);
      }
    } catch (e) {
      if (isAlreadyExists(e)) return { afterMs: 100 };
      if (!isNotFound(e) && !isNamespaceTerminating(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'endpoints',
    watches: [
      watching(Services, ownKey),
      watching(
        Pods,
        (pod: Stored<Pod>, old) => (podConcernsServices(pod, old) ? servicesSelecting(services.lister, pod, old) : []),
        { delayMs: GATHER_MS },
      ),
      watching(
        EndpointsResource,
        (e, _old, gone) => {
          if (gone) written.forget(e.metadata.uid);
          return services.lister.get(e.metadata.name, e.metadata.namespace) ? ownKey(e) : [];
        },
        { delayMs: GATHER_MS },
      ),
    ],
    reconcile,
  };
}
