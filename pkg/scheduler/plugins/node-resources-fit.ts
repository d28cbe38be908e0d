import type { Plugin, Reason } from '../framework/plugin.ts';
import { MAX_SCORE } from '../framework/plugin.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { podRequests } from '../snapshot/resources.ts';

const TOO_MANY_PODS: Reason = { text: 'Too many pods' };
const insufficient = new Map<string, Reason>();
function insufficientReason(resource: string, unresolvable: boolean): Reason {
  const key = `${resource} ${unresolvable}`;
  let r = insufficient.get(key);
  if (!r) {
    r = { text: `Insufficient ${resource}`, unresolvable };
    insufficient.set(key, r);
  }
  return r;
}

/** Free share of a resource after the pod, 0..100. */
const freeShare = (used: number, capacity: number): number =>
  capacity <= 0 || used > capacity ? 0 : ((capacity - used) * MAX_SCORE) / capacity;

/** PodFitsResources, and LeastAllocated: prefers nodes with the most room left. */
export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  wakesOn: ['node-added', 'node-resources', 'pod-gone', 'pod-changed'],
  prepare(pod) {
    const { amounts, scored } = podRequests(pod);
    return {
      filter(node: NodeInfo) {
        let reasons: Reason[] | null = null;
        const maxPods = node.allocatable.get('pods') ?? 0;
        if (node.pods.size + 1 > maxPods) reasons = [TOO_MANY_PODS];
        for (const [name, wanted] of amounts) {
          if (wanted === 0) continue;
          const capacity = node.allocatable.get(name) ?? 0;
          if (wanted > capacity - (node.requested.get(name) ?? 0)) {
            reasons ??= [];
            reasons.push(insufficientReason(name, wanted > capacity));
          }
        }
        return reasons;
      },
      score(node: NodeInfo) {
        const cpu = freeShare(node.scored.cpu + scored.cpu, node.allocatable.get('cpu') ?? 0);
        const memory = freeShare(node.scored.memory + scored.memory, node.allocatable.get('memory') ?? 0);
        return (cpu + memory) / 2;
      },
    };
  },
};
