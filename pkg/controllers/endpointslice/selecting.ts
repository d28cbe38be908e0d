import type { Pod, Service } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Lister } from '#client/types.ts';
import { isReady, isTerminal } from '../pods/state.ts';

/** What of a pod endpoints are made of. */
const relevant = (p: Pod): unknown => [
  p.status?.podIP,
  isReady(p),
  isTerminal(p),
  p.metadata?.deletionTimestamp !== undefined,
  p.metadata?.labels,
  p.spec?.nodeName,
];

/** False for changes (probe counters, restart times) that no endpoint shows. */
export const podConcernsServices = (pod: Pod, old: Pod | undefined): boolean =>
  !old || !sameJson(relevant(pod), relevant(old));

/** Keys of the services that select a pod, by its labels now or before. */
export function servicesSelecting(services: Lister<Service>, pod: Stored<Pod>, old: Stored<Pod> | undefined): string[] {
  const keys: string[] = [];
  for (const s of services.list(pod.metadata.namespace)) {
    const wanted = Object.entries(s.spec?.selector ?? {});
    if (wanted.length === 0) continue;
    const matches = (p: Pod | undefined): boolean =>
      p !== undefined && wanted.every(([k, v]) => p.metadata?.labels?.[k] === v);
    if (matches(pod) || matches(old)) keys.push(`${s.metadata.namespace}/${s.metadata.name}`);
  }
  return keys;
}
