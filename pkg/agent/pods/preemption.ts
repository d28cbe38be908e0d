import { qosClass } from '#api/kinds/core/pod/pod-qos.ts';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { amountsOf, podRequests } from '#api/scheduling/pod-requests.ts';
import { isCritical } from '../eviction/rank.ts';
import type { Failure } from './deadline.ts';

/** What a node has too little of for a pod: cpu in millicores, all else in whole units. */
export interface Lack {
  readonly resource: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** What is still to be had, by resource. */
type Wanted = ReadonlyMap<string, number>;

/** Why pods end that make room. */
export const PREEMPTED: Failure = {
  reason: 'Preempting',
  message: 'Preempted in order to admit critical pod',
  disruption: 'Pod was preempted by Kubelet to accommodate a critical pod.',
};

/** What a pod takes of a resource; of places for pods one. */
const takes = (pod: Pod, resource: string): number =>
  resource === 'pods' ? 1 : (podRequests(pod).amounts.get(resource) ?? 0);

/** What a node cannot give a pod beside others; what it does not know of is not counted. Pure. */
export function lacks(
  pod: Pod,
  { status }: Node,
  o: { readonly others: readonly Pod[]; readonly uncounted: (resource: string) => boolean },
): Lack[] {
  const allocatable = amountsOf(status?.allocatable);
  return ['pods', ...podRequests(pod).amounts.keys()].flatMap((resource) => {
    const [capacity, requested] = [allocatable.get(resource), takes(pod, resource)];
    if (requested === 0 || capacity === undefined || o.uncounted(resource)) return [];
    const used = o.others.reduce((sum, p) => sum + takes(p, resource), 0);
    return used + requested > capacity ? [{ resource, requested, used, capacity }] : [];
  });
}

/** What is wanted once some pods are gone. */
const without = (wanted: Wanted, gone: readonly Pod[]): Wanted =>
  new Map(
    [...wanted].flatMap(([name, amount]) => {
      const left = gone.reduce((n, p) => n - takes(p, name), amount);
      return left > 0 ? [[name, left] as const] : [];
    }),
  );

/** How much of what is wanted a pod does not give; each resource weighs the same. */
const distance = (wanted: Wanted, pod: Pod): number =>
  [...wanted].reduce((sum, [name, amount]) => sum + (Math.max(0, amount - takes(pod, name)) / amount) ** 2, 0);

/** As few of the pods as may be: each time the one that gives most, of those alike the smallest. */
function fewest<P extends Pod>(pods: readonly P[], wanted: Wanted): P[] {
  const chosen: P[] = [];
  const left = [...pods];
  for (let open = wanted; open.size > 0 && left.length > 0; ) {
    const [best] = left.sort(
      (a, b) =>
        distance(open, a) - distance(open, b) ||
        takes(a, 'memory') - takes(b, 'memory') ||
        takes(a, 'cpu') - takes(b, 'cpu'),
    );
    if (!best) break;
    chosen.push(...left.splice(left.indexOf(best), 1));
    open = without(open, [best]);
  }
  return chosen;
}

/** Whether a critical pod may push another out. */
const yields = (to: Pod, pod: Pod): boolean => !isCritical(pod) || (to.spec?.priority ?? 0) > (pod.spec?.priority ?? 0);

/**
 * The pods that make room for a critical one: as few Guaranteed ones as may be, then as few Burstable, then BestEffort ("the
 * kubelet's admission of critical pods"). Undefined when all of them together would not do. Pure.
 */
export function victims(
  pod: Pod,
  lack: readonly Lack[],
  others: readonly Stored<Pod>[],
): readonly Stored<Pod>[] | undefined {
  const wanted: Wanted = new Map(lack.map((l) => [l.resource, l.used + l.requested - l.capacity]));
  const may = others.filter((p) => yields(pod, p));
  if (without(wanted, may).size > 0) return undefined;
  const of = (qos: string): Stored<Pod>[] => may.filter((p) => qosClass(p.spec ?? { containers: [] }) === qos);
  const [best, burst, sure] = [of('BestEffort'), of('Burstable'), of('Guaranteed')];
  const guaranteed = fewest(sure, without(wanted, [...best, ...burst]));
  const burstable = fewest(burst, without(wanted, [...best, ...guaranteed]));
  return [...fewest(best, without(wanted, [...burstable, ...guaranteed])), ...burstable, ...guaranteed];
}

/** Why a critical pod is turned away for which nobody can make room. Pure. */
export function unmet(pod: Pod, lack: readonly Lack[], others: readonly Stored<Pod>[]): Failure {
  const wanted: Wanted = new Map(lack.map((l) => [l.resource, l.used + l.requested - l.capacity]));
  const may = others.filter((p) => yields(pod, p));
  const open = [...without(wanted, may)].map(([name, amount]) => `(res: ${name}, q: ${amount}), `).join('');
  const why = `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${open}]`;
  const words = `Unexpected error while attempting to recover from admission failure: ${why}`;
  return { reason: 'UnexpectedAdmissionError', message: `Pod was rejected: ${words}` };
}
