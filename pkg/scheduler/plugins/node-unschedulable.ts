import { tolerates } from '#api/scheduling/taints.ts';
import { ifNode } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';

const UNSCHEDULABLE: readonly Reason[] = [{ text: 'node(s) were unschedulable', unresolvable: true }];
const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

/** Cordoned nodes take no pods, except those that tolerate it. */
export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  weight: 0,
  wakesOn: {
    'node-added': ifNode((_, node) => !node.spec?.unschedulable),
    'node-taints': ifNode((_, node) => !node.spec?.unschedulable),
    'pod-changed': true,
  },
  prepare(pod) {
    if (pod.spec?.tolerations?.some((t) => tolerates(t, TAINT))) return null;
    return { filter: (node) => (node.node.spec?.unschedulable ? UNSCHEDULABLE : null) };
  },
};
