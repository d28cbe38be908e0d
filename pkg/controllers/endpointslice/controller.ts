import { type EndpointSlice, EndpointSlices, type Pod, Pods, type Service, Services } from '#api/kinds/index.ts';
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
import { byLabels } from '../harness/indexes.ts';
import { LastWritten, RecentWrites } from '../harness/recent-writes.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';
import { desiredGroups, type PortGroup, type SliceEndpoint } from './desired.ts';
import { planSlices } from './plan.ts';
import { podConcernsServices, servicesSelecting } from './selecting.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const MANAGED_LABEL = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslice-controller.k8s.io';
const BY_SERVICE = 'managed-slices-of-service';
/** Pod events within this time lead to one write. Short: a pod that goes away must be out of the slices at once. */
const GATHER_MS = 10;

const isOurs = (s: EndpointSlice): boolean => s.metadata?.labels?.[MANAGED_LABEL] === MANAGER;

/** EndpointSlices of services with a selector ("EndpointSlices"). */
export function endpointSliceController(deps: ControllerDeps): Controller {
  const services = deps.informers.informer(Services);
  const pods = deps.informers.informer(Pods);
  const slices = deps.informers.informer(EndpointSlices);
  const podsWith = byLabels(pods);
  slices.addIndex(BY_SERVICE, (s) =>
    isOurs(s) ? [`${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_LABEL]}`] : [],
  );
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
        labels: { ...service.metadata.labels, [SERVICE_LABEL]: service.metadata.name, [MANAGED_LABEL]: MANAGER },
        ownerReferences: [controllerRefTo(Services, service)],
      },
      addressType: 'IPv4',
      ports: [...group.ports],
      endpoints: [...group.endpoints],
    } as EndpointSlice;
    recent.created(service.metadata.uid, await deps.client.create(EndpointSlices, slice));
  }

  async function update(slice: Stored<EndpointSlice>, endpoints: readonly SliceEndpoint[]): Promise<void> {
    written.wrote(await deps.client.update(EndpointSlices, { ...slice, endpoints: [...endpoints] }));
  }

  async function remove(owner: string, slice: Stored<EndpointSlice>): Promise<void> {
    try {
      await deps.client.delete(EndpointSlices, slice.metadata.name, slice.metadata.namespace, {
        preconditions: { uid: slice.metadata.uid },
      });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    recent.deleted(owner, slice.metadata.uid);
  }

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const service = services.lister.get(name, namespace);
    const cached = slices.lister.byIndex(BY_SERVICE, key);
    if (!service?.spec?.selector || service.spec.type === 'ExternalName' || service.metadata.deletionTimestamp) {
      if (!service) for (const s of cached) await remove('', s);
      return undefined;
    }
    const { uid } = service.metadata;
    const present = recent.overlay(uid, cached).map((s) => written.freshest(s));
    const plan = planSlices(desiredGroups(service, podsWith(namespace, service.spec.selector)), present);
    try {
      await Promise.all([
        ...plan.update.map((u) => update(u.slice, u.endpoints)),
        ...plan.create.map((c) => create(service, c)),
        ...plan.remove.map((s) => remove(uid, s)),
      ]);
    } catch (e) {
      if (isAlreadyExists(e)) return { afterMs: GATHER_MS };
      if (!isNamespaceTerminating(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'endpointslice',
    watches: [
      watching(Services, ownKey),
      watching(
        Pods,
        (pod: Stored<Pod>, old) => (podConcernsServices(pod, old) ? servicesSelecting(services.lister, pod, old) : []),
        {
          delayMs: GATHER_MS,
        },
      ),
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
