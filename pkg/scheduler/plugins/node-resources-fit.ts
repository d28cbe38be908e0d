import type { Node, Pod } from '#api/kinds/index.ts';
import { amountsOf, podRequests } from '#api/scheduling/pod-requests.ts';
import { ifNode } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { DEFAULT_ARGS, type FitArgs } from './args.ts';
import { resourceScore } from './scoring-strategy.ts';

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

const isIgnored = (name: string, { ignoredResources, ignoredGroups }: FitArgs): boolean =>
  ignoredResources.has(name) || (ignoredGroups.size > 0 && ignoredGroups.has(name.slice(0, name.indexOf('/'))));

/** What the pod asks for, as far as nodes are judged by it. */
const judged = (pod: Pod, args: FitArgs): [string, number][] =>
  [...podRequests(pod).amounts].filter(([name, wanted]) => wanted > 0 && !isIgnored(name, args));

/** PodFitsResources, and by default LeastAllocated: prefers nodes with the most room left. */
export const fitting = (args: FitArgs): Plugin => {
  /** Whether an empty node would do. */
  const couldFit = (pod: Pod, node: Node): boolean => {
    const capacity = amountsOf(node.status?.allocatable);
    return judged(pod, args).every(([name, wanted]) => wanted <= (capacity.get(name) ?? 0));
  };
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    wakesOn: {
      'node-added': ifNode(couldFit),
      'node-resources': ifNode(couldFit),
      'pod-gone': true,
      'pod-shrunk': true,
      'pod-changed': true,
    },
    prepare(pod) {
      const amounts = judged(pod, args);
      return {
        filter(node: NodeInfo) {
          let reasons: Reason[] | null = node.pods.size + 1 > node.maxPods ? [TOO_MANY_PODS] : null;
          for (const [name, wanted] of amounts) {
            const { capacity, requested } = node.supplies.of(name);
            if (wanted > capacity - requested) {
              reasons ??= [];
              reasons.push(insufficientReason(name, wanted > capacity));
            }
          }
          return reasons;
        },
        score: resourceScore(args.strategy, podRequests(pod)),
      };
    },
  };
};

export const nodeResourcesFit = fitting(DEFAULT_ARGS.NodeResourcesFit);
