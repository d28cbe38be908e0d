import { IPAddresses, type ServiceCIDR, ServiceCIDRs, Services } from '#api/kinds/index.ts';
import type { Condition } from '#api/meta/condition.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { SERVICE_CIDR_FINALIZER, serviceCidrHeld, serviceCidrReady } from '#api/networking/service-cidr.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { changeFinalizer, finalizerChange } from '../harness/finalizers.ts';
import { leavesOrphan } from './orphans.ts';

/** How long API servers have to hear that a ServiceCIDR is being deleted, before it may go. */
const GRACE_MS = 10_000;
/** IPAddresses of others than Services may hold one, too, and no event tells when they are gone. */
const LOOK_AGAIN_MS = 5000;
/** A Service's IPAddress goes right after it. */
const AFTER_SERVICE_MS = 250;

const FINALIZER = SERVICE_CIDR_FINALIZER;

/** Makes ServiceCIDRs ready, and lets them go when no address needs them any more ("Extend Service IP Ranges"). */
export function serviceCidrController(deps: ControllerDeps): Controller {
  const cidrs = deps.informers.informer(ServiceCIDRs);
  deps.informers.informer(Services);
  const going = (): string[] =>
    [...cidrs.lister.list()].filter((o) => o.metadata.deletionTimestamp).map((o) => o.metadata.name);

  async function tell(o: Stored<ServiceCIDR>, condition: (now: string) => Condition): Promise<void> {
    const { conditions = [] } = o.status ?? {};
    const next = condition(apiTime(deps.clock.now()));
    const held = conditions.find((c) => c.type === next.type);
    if (held?.status === next.status && held.reason === next.reason) return;
    const status = { conditions: [...conditions.filter((c) => c.type !== next.type), next] };
    try {
      await deps.client.updateStatus(ServiceCIDRs, { ...o, status });
    } catch (e) {
      // A newer version is on its way to the cache, and brings the key again.
      if (!isConflict(e) && !isNotFound(e)) throw e;
    }
  }

  async function reconcile(name: string): Promise<Outcome> {
    const o = cidrs.lister.get(name);
    if (!o) return undefined;
    if (!o.metadata.deletionTimestamp) {
      const what = finalizerChange(o, FINALIZER, () => true);
      if (what) await changeFinalizer(deps.client, ServiceCIDRs, { o, finalizer: FINALIZER, what });
      else await tell(o, serviceCidrReady);
      return undefined;
    }
    if (!o.metadata.finalizers?.includes(FINALIZER)) return undefined;
    const addresses = await deps.client.list(IPAddresses);
    const names = addresses.items.map((a) => a.metadata.name);
    if (leavesOrphan(o, cidrs.lister.list(), names)) {
      await tell(o, serviceCidrHeld);
      return { afterMs: LOOK_AGAIN_MS };
    }
    const left = Date.parse(o.metadata.deletionTimestamp) + GRACE_MS - deps.clock.now();
    if (left > 0) return { afterMs: left };
    await changeFinalizer(deps.client, ServiceCIDRs, { o, finalizer: FINALIZER, what: 'drop' });
    return undefined;
  }

  return {
    name: 'service-cidr',
    watches: [
      // A new one may contain the addresses of those that are to go.
      watching(ServiceCIDRs, (o, _old, gone) => (gone ? going() : [...ownKey(o), ...going()])),
      watching(
        Services,
        (s, old, gone) => (gone || s.spec?.clusterIPs?.length !== old?.spec?.clusterIPs?.length ? going() : []),
        {
          delayMs: AFTER_SERVICE_MS,
        },
      ),
    ],
    reconcile,
  };
}
