import type { Pod, Service } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import type { Informer } from '#client/types.ts';
import { isTerminal } from '../pods/state.ts';

/** What of a pod endpoints are made of. */
const relevant = (p: Pod): unknown => [
  p.status?.podIP,
  p.status?.podIPs,
  isReady(p),
  isTerminal(p),
  p.metadata?.deletionTimestamp !== undefined,
  p.metadata?.labels,
  p.spec?.nodeName,
];

/** False for changes (probe counters, restart times) that no endpoint shows. */
export const podConcernsServices = (pod: Pod, old: Pod | undefined): boolean =>
  !old || !sameJson(relevant(pod), relevant(old));

const BY_SELECTOR = 'one-pair-of-selector';

/**
 * Finds the services that select a pod, by its labels now or before. Each service is filed under one pair of its
 * selector, so that a pod's change costs a look-up per label, however many services there are.
 */
export function servicesSelecting(
  services: Informer<Service>,
): (pod: Stored<Pod>, old: Stored<Pod> | undefined) => string[] {
  services.addIndex(BY_SELECTOR, (s) => {
    // The last key in sort order: "app" is often shared, what distinguishes ("tier", "version") tends to come after it.
    const key = Object.keys(s.spec?.selector ?? {})
      .sort()
      .at(-1);
    return key === undefined ? [] : [`${s.metadata.namespace}/${key}=${s.spec?.selector?.[key]}`];
  });
  const select = (pod: Stored<Pod>, keys: Set<string>): void => {
    const { namespace, labels = {} } = pod.metadata;
    for (const k of Object.keys(labels)) {
      for (const s of services.lister.byIndex(BY_SELECTOR, `${namespace}/${k}=${labels[k]}`)) {
        const wanted = Object.entries(s.spec?.selector ?? {});
        if (wanted.every(([name, v]) => labels[name] === v)) keys.add(`${namespace}/${s.metadata.name}`);
      }
    }
  };
  return (pod, old) => {
    const keys = new Set<string>();
    select(pod, keys);
    if (old && old.metadata.labels !== pod.metadata.labels) select(old, keys);
    return [...keys];
  };
}
