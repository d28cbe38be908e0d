import { type Endpoints, EndpointsResource, Services } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ServiceSlices } from '../endpointslice/slices.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { isMirrored, leftOut, MAX_PER_SUBSET, mirrored, mirroredLabels } from './mirror.ts';

/** Endpoints that users keep by hand, as slices: what reads services reads slices only ("EndpointSlice mirroring"). */
export function endpointSliceMirroring(deps: ControllerDeps): Controller {
  const { client, informers } = deps;
  const services = informers.informer(Services);
  const all = informers.informer(EndpointsResource);
  const events = deps.events('endpoint-slice-mirroring-controller');
  const slices = new ServiceSlices({ client, informers, manager: 'endpointslicemirroring-controller.k8s.io' });

  function tellOfLeftOut(endpoints: Stored<Endpoints>): void {
    const n = leftOut(endpoints);
    if (n === 0) return;
    const most = `A max of ${MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset.`;
    events.event(endpoints, 'Warning', 'TooManyAddressesToMirror', `${most} ${n} addresses were skipped`);
  }

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const endpoints = all.lister.get(name, namespace);
    const service = services.lister.get(name, namespace);
    if (endpoints && service && isMirrored(endpoints, service)) {
      tellOfLeftOut(endpoints);
      return slices.apply(service, { byType: mirrored(endpoints), labels: mirroredLabels(endpoints) });
    }
    await slices.clear(key);
    return undefined;
  }

  return {
    name: 'endpointslice-mirroring',
    watches: [
      watching(EndpointsResource, ownKey),
      watching(Services, (s, _old, gone) => {
        if (gone) slices.forget(s.metadata.uid);
        return ownKey(s);
      }),
      slices.watch,
    ],
    reconcile,
  };
}
