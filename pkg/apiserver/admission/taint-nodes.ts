import type { Node } from '#api/kinds/index.ts';
import { type AdmissionPlugin, concerns } from './types.ts';

const KEY = 'node.kubernetes.io/not-ready';

/** A new node takes no pods before it has said that it is ready; the node lifecycle controller removes the taint. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit(a) {
    if (!concerns(a, '', 'nodes', 'CREATE')) return;
    const node = a.object as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some((t) => t.key === KEY && t.effect === 'NoSchedule')) return;
    node.spec = { ...node.spec, taints: [...taints, { key: KEY, effect: 'NoSchedule' }] };
  },
};
