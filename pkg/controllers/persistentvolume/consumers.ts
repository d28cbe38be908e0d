import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys, SELECTED_NODE } from '#api/scheduling/volume-match.ts';
import type { Informer } from '#client/types.ts';
import { isTerminal } from '../pods/state.ts';
import type { Claim } from './match.ts';

const BY_CLAIM = 'pods-of-claim';

/** Name of the node on which a claim is used: as the scheduler has noted, or as one of its pods is bound. */
export const nodeNameFor = (claim: Claim, pods: readonly Stored<Pod>[]): string | undefined =>
  claim.metadata.annotations?.[SELECTED_NODE] ?? pods.find((p) => p.spec?.nodeName)?.spec?.nodeName;

/** Pods by the claims they use. */
export function podsByClaim(pods: Informer<Pod>): (claim: Claim) => readonly Stored<Pod>[] {
  pods.addIndex(BY_CLAIM, claimKeys);
  return (claim) => pods.lister.byIndex(BY_CLAIM, `${claim.metadata.namespace}/${claim.metadata.name}`);
}

/** What a claim waits for that is bound where its first pod will run: one of its pods, of which none is on a node yet. */
export function waitOf(pods: readonly Stored<Pod>[]): readonly [reason: string, message: string] {
  const names = pods
    .filter((p) => !p.spec?.nodeName && !p.metadata.deletionTimestamp && !isTerminal(p))
    .map((p) => p.metadata.name)
    .sort();
  if (names.length === 0) return ['WaitForFirstConsumer', 'waiting for first consumer to be created before binding'];
  return ['WaitForPodScheduled', `waiting for pod${names.length > 1 ? 's' : ''} ${names.join(',')} to be scheduled`];
}
