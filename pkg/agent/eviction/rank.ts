import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { podRequests } from '#api/scheduling/pod-requests.ts';
import { CONFIG_SOURCE } from '../pods/mirror-pods.ts';
import type { Signal } from './thresholds.ts';
import { SIGNALS } from './thresholds.ts';

/** A pod and what it uses of the resource that runs short. */
export interface Candidate {
  readonly pod: Stored<Pod>;
  readonly used: number;
}

const SYSTEM_CRITICAL = 2_000_000_000;

/** Pods that are never evicted: static ones, and those the node cannot do without. */
export const isCritical = (pod: Pod): boolean =>
  pod.metadata?.annotations?.[CONFIG_SOURCE] === 'file' || (pod.spec?.priority ?? 0) >= SYSTEM_CRITICAL;

/** What all of a pod asked for of what runs short: sidecars count, and an init container that asked for more. */
const requestOf = (pod: Pod, signal: Signal): number => podRequests(pod).amounts.get(SIGNALS[signal].resource) ?? 0;

/**
 * Whom to evict first ("Node-pressure Eviction", pod selection for kubelet eviction): those above their request before
 * those below, then lower priority, then the larger excess. Pure.
 */
export function ranked(candidates: readonly Candidate[], signal: Signal): Candidate[] {
  const excess = (c: Candidate): number => c.used - requestOf(c.pod, signal);
  const above = (c: Candidate): number => Number(excess(c) > 0);
  const priority = (c: Candidate): number => c.pod.spec?.priority ?? 0;
  return candidates
    .filter((c) => !isCritical(c.pod))
    .sort((a, b) => above(b) - above(a) || priority(a) - priority(b) || excess(b) - excess(a));
}
