import type { Service } from '#api/kinds/index.ts';
import type { Note } from '../harness/note.ts';
import type { Problem } from './assign.ts';

/** In the words of Kubernetes' service controller. */
const normal = (reason: string, message: string): Note => ['Normal', reason, message];

export const DELETING = normal('DeletingLoadBalancer', 'Deleting load balancer');
export const DELETED = normal('DeletedLoadBalancer', 'Deleted load balancer');
const ENSURING = normal('EnsuringLoadBalancer', 'Ensuring load balancer');
const ENSURED = normal('EnsuredLoadBalancer', 'Ensured load balancer');
const UPDATED = normal('UpdatedLoadBalancer', 'Updated load balancer with new hosts');
const UNAVAILABLE: Note = ['Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer'];

/** How the addresses of a service change. */
export interface Change {
  readonly had: readonly string[];
  readonly has: readonly string[];
  /** It is a service of type LoadBalancer still. */
  readonly isWanted: boolean;
  /** Its addresses are those of the nodes. */
  readonly isOfNodes: boolean;
  readonly problem?: Problem | undefined;
}

/** Pure: what is told before the addresses are written, and after. */
export function notesOn({ had, has, isWanted, isOfNodes, problem }: Change): { before: Note[]; after: Note[] } {
  if (problem)
    return {
      before: [],
      after: [['Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${problem.message}`]],
    };
  if (has.length > 0) {
    if (had.length > 0 && isOfNodes) return { before: [], after: [UPDATED] };
    return { before: [ENSURING], after: [ENSURED] };
  }
  if (had.length === 0) return { before: [], after: [] };
  return isWanted ? { before: [], after: [UNAVAILABLE] } : { before: [DELETING], after: [DELETED] };
}

const list = (values: readonly string[] | undefined): string => `[${(values ?? []).join(' ')}]`;

/** What of a service its load balancer depends on, by the reason under which a change of it is told. */
const TOLD: readonly (readonly [string, (s: NonNullable<Service['spec']>) => string])[] = [
  ['LoadBalancerSourceRanges', (s) => list(s.loadBalancerSourceRanges)],
  ['LoadbalancerIP', (s) => s.loadBalancerIP ?? ''],
  ['ExternalTrafficPolicy', (s) => s.externalTrafficPolicy ?? ''],
];

/** Pure: what the user changed of a service that has a load balancer, or has had one. */
export function notesOnSpec({ spec: old = {} }: Service, { spec: now = {} }: Service): Note[] {
  if (old.type !== now.type) return [normal('Type', `${old.type} -> ${now.type}`)];
  return TOLD.filter(([, of]) => of(old) !== of(now)).map(([reason, of]) => normal(reason, `${of(old)} -> ${of(now)}`));
}
