import { Nodes, type Pod, Pods, Services } from '#api/kinds/index.ts';
import { isRefused } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { byLabels, byNode } from '../harness/indexes.ts';
import { desiredGroups, familiesOf } from './desired.ts';
import { dependsOnNodes, HintNotes, shareOf, withHints, ZONE_LABEL } from './hints.ts';
import { podConcernsServices, servicesSelecting } from './selecting.ts';
import { GATHER_MS, ServiceSlices } from './slices.ts';

/** EndpointSlices of services with a selector ("EndpointSlices"). */
export function endpointSliceController(deps: ControllerDeps): Controller {
  const { client, informers } = deps;
  const services = informers.informer(Services);
  const pods = informers.informer(Pods);
  const nodes = informers.informer(Nodes);
  const podsWith = byLabels(pods);
  const podsOn = byNode(pods);
  const selecting = servicesSelecting(services);
  const slices = new ServiceSlices({ client, informers, manager: 'endpointslice-controller.k8s.io' });
  const events = deps.events('endpoint-slice-controller');
  const hints = new HintNotes();
  const zoneOf = (node: string): string | undefined => nodes.lister.get(node)?.metadata.labels?.[ZONE_LABEL];

  /** Services whose endpoints are shared out by the CPU of all nodes. */
  const sharedOut = (): string[] => [...services.lister.list()].filter(dependsOnNodes).map(keyOf);

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const service = services.lister.get(name, namespace);
    if (!service) {
      await slices.clear(key);
      return undefined;
    }
    const { selector, type } = service.spec ?? {};
    if (!selector || type === 'ExternalName' || service.metadata.deletionTimestamp) return undefined;
    const selected = [...podsWith(namespace, selector)];
    const byType = familiesOf(service).map((family) => {
      const desired = desiredGroups(service, selected, { family, zoneOf });
      return { addressType: family, ...withHints(service, desired, nodes.lister.list()) };
    });
    try {
      const outcome = await slices.apply(service, { byType, labels: service.metadata.labels ?? {} });
      for (const { addressType, verdict } of byType)
        for (const note of hints.notesOn(service.metadata.uid, addressType, verdict, dependsOnNodes(service)))
          events.event(service, ...note);
      return outcome;
    } catch (e) {
      if (isRefused(e)) {
        const message = `Error updating Endpoint Slices for Service ${key}: ${e.message}`;
        events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', message);
      }
      throw e;
    }
  }

  return {
    name: 'endpointslice',
    watches: [
      watching(Services, (s, _old, gone) => {
        if (gone) {
          slices.forget(s.metadata.uid);
          hints.forget(s.metadata.uid);
        }
        return ownKey(s);
      }),
      // Zones are in the endpoints: when a node changes zone, so do the services of its pods.
      watching(Nodes, (n, old, gone) => {
        const moved = n.metadata.labels?.[ZONE_LABEL] !== old?.metadata.labels?.[ZONE_LABEL];
        const served = moved ? podsOn(n.metadata.name).flatMap((p) => selecting(p, undefined)) : [];
        return !gone && old && shareOf(old) === shareOf(n) ? served : [...served, ...sharedOut()];
      }),
      watching(Pods, (pod: Stored<Pod>, old) => (podConcernsServices(pod, old) ? selecting(pod, old) : []), {
        delayMs: GATHER_MS,
      }),
      slices.watch,
    ],
    reconcile,
  };
}
