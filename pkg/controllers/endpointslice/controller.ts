import { type EndpointSlice, EndpointSlices, Nodes, type Pod, Pods, type Service, Services } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { byLabels, byNode } from '../harness/indexes.ts';
import { LastWritten, RecentWrites } from '../harness/recent-writes.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';
import { desiredGroups, type PortGroup, type SliceEndpoint } from './desired.ts';
import { planSlices, type SliceUpdate } from './plan.ts';
import { podConcernsServices, servicesSelecting } from './selecting.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const MANAGED_LABEL = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslice-controller.k8s.io';
const BY_SERVICE = 'managed-slices-of-service';
/** Pod events within this time lead to one write. Short: a pod that goes away must be out of the slices at once. */
const GATHER_MS = 10;

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

function labelsOf(service: Stored<Service>): Record<string, string> {
  const labels = { ...service.metadata.labels, [SERVICE_LABEL]: service.metadata.name, [MANAGED_LABEL]: MANAGER };
  return service.spec?.clusterIP === 'None' ? { ...labels, [HEADLESS_LABEL]: '' } : labels;
}

const isOurs = (s: EndpointSlice): boolean => s.metadata?.labels?.[MANAGED_LABEL] === MANAGER;

/** EndpointSlices of services with a selector ("EndpointSlices"). */
export function endpointSliceController(deps: ControllerDeps): Controller {
  const services = deps.informers.informer(Services);
  const pods = deps.informers.informer(Pods);
  const slices = deps.informers.informer(EndpointSlices);
  const podsWith = byLabels(pods);
  const selecting = servicesSelecting(services);
  slices.addIndex(BY_SERVICE, (s) =>
    isOurs(s) ? [`${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_LABEL]}`] : [],
  );
  const nodes = deps.informers.informer(Nodes);
  const podsOn = byNode(pods);
  const recent = new RecentWrites<EndpointSlice>(slices);
  const written = new LastWritten<EndpointSlice>();

  async function create(
    service: Stored<Service>,
    group: { ports: PortGroup['ports']; endpoints: readonly SliceEndpoint[] },
  ): Promise<void> {
    const slice: EndpointSlice = {
      metadata: {
        generateName: `${service.metadata.name}-`,
        namespace: service.metadata.namespace,
        labels: labelsOf(service),
        ownerReferences: [controllerRefTo(Services, service)],
      },
      addressType: 'IPv4',
      ports: [...group.ports],
      endpoints: [...group.endpoints],
    } as EndpointSlice;
    recent.created(service.metadata.uid, await deps.client.create(EndpointSlices, slice));
  }

  async function update(u: SliceUpdate, labels: Readonly<Record<string, string>>): Promise<void> {
    const metadata = { ...u.slice.metadata, labels };
    const { ports, endpoints } = u;
    const next = { ...u.slice, metadata, ports: [...ports], endpoints: [...endpoints] };
    written.wrote(await deps.client.update(EndpointSlices, next as Stored<EndpointSlice>));
  }

  async function remove(slice: Stored<EndpointSlice>): Promise<void> {
    try {
      await deps.client.delete(EndpointSlices, slice.metadata.name, slice.metadata.namespace, {
        preconditions: { uid: slice.metadata.uid },
      });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }

  const zoneOf = (node: string): string | undefined => nodes.lister.get(node)?.metadata.labels?.[ZONE_LABEL];

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const service = services.lister.get(name, namespace);
    const cached = slices.lister.byIndex(BY_SERVICE, key);
    if (!service) {
      await Promise.all(cached.map(remove));
      return undefined;
    }
    if (!service.spec?.selector || service.spec.type === 'ExternalName' || service.metadata.deletionTimestamp) {
      return undefined;
    }
    const { uid } = service.metadata;
    const present = recent.overlay(uid, cached).map((s) => written.freshest(s));
    const groups = desiredGroups(service, podsWith(namespace, service.spec.selector), zoneOf);
    const labels = labelsOf(service);
    const plan = planSlices(groups, present, labels);
    const removed = async (s: Stored<EndpointSlice>): Promise<void> => {
      await remove(s);
      recent.deleted(uid, s.metadata.uid);
    };
    try {
      // What leaves goes first; a slice is only removed when its endpoints are in another one.
      await Promise.all(plan.update.map((u) => update(u, labels)));
      await Promise.all(plan.create.map((c) => create(service, c)));
      await Promise.all(plan.remove.map(removed));
    } catch (e) {
      if (isAlreadyExists(e)) return { afterMs: GATHER_MS };
      if (!isNotFound(e) && !isNamespaceTerminating(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'endpointslice',
    watches: [
      watching(Services, (s, _old, gone) => {
        if (gone) recent.forget(s.metadata.uid);
        return ownKey(s);
      }),
      // Zones are in the endpoints: when a node changes zone, so do the services of its pods.
      watching(Nodes, (n, old) =>
        n.metadata.labels?.[ZONE_LABEL] === old?.metadata.labels?.[ZONE_LABEL]
          ? []
          : podsOn(n.metadata.name).flatMap((p) => selecting(p, undefined)),
      ),
      watching(Pods, (pod: Stored<Pod>, old) => (podConcernsServices(pod, old) ? selecting(pod, old) : []), {
        delayMs: GATHER_MS,
      }),
      watching(
        EndpointSlices,
        (s, _old, gone) => {
          if (gone) written.forget(s.metadata.uid);
          return isOurs(s) ? [`${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_LABEL]}`] : [];
        },
        { delayMs: GATHER_MS },
      ),
    ],
    reconcile,
  };
}
