import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isTerminal } from '../pods/state.ts';

/** What was to be removed and is still there after this time is left where it is, milliseconds. */
const STALE_MS = 2 * 60_000;
/** Agents end pods by themselves, and may take their time for it. */
const BY_AGENT = 'TerminationByKubelet';

/** Says that a pod is about to be removed, and by whom ("Disruptions", Pod disruption conditions). */
export const MARK = 'DisruptionTarget';

/**
 * Pure: milliseconds until the mark of a pod says nothing any more, because whoever set it has not removed the pod;
 * undefined for a pod without one, and for one that is on its way out.
 */
export function staleIn({ metadata, status }: Stored<Pod>, now: number): number | undefined {
  const mark = status?.conditions?.find((c) => c.type === MARK && c.status === 'True');
  if (!mark || mark.reason === BY_AGENT || metadata.deletionTimestamp || isTerminal({ status })) return undefined;
  return Math.max(0, Date.parse(mark.lastTransitionTime ?? metadata.creationTimestamp) + STALE_MS - now);
}
