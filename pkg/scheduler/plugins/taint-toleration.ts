import type { Node, Pod } from '#api/kinds/index.ts';
import { type Taint, tolerates, untolerated } from '#api/scheduling/taints.ts';
import { ifNode } from '../framework/events.ts';
import { normalizeMax, type Plugin, type Reason } from '../framework/plugin.ts';

const tolerated = (pod: Pod, node: Node): boolean => !untolerated(node.spec?.taints, pod.spec?.tolerations);

/** Hard taints keep pods away; of soft ones (PreferNoSchedule), the fewer untolerated the better. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  wakesOn: { 'node-added': ifNode(tolerated), 'node-taints': ifNode(tolerated), 'pod-changed': true },
  prepare(pod) {
    const tolerations = pod.spec?.tolerations ?? [];
    const isTolerated = (taint: Taint): boolean => tolerations.some((t) => tolerates(t, taint));
    return {
      filter(info) {
        const taint = untolerated(info.node.spec?.taints, tolerations);
        if (!taint) return null;
        const reason: Reason = {
          text: `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`,
          unresolvable: true,
        };
        return [reason];
      },
      weigh: (feasible) => feasible.some((n) => n.hasSoftTaint),
      score: (info) =>
        (info.node.spec?.taints ?? []).filter((t) => t.effect === 'PreferNoSchedule' && !isTolerated(t)).length,
      normalize: (scores) => normalizeMax(scores, true),
    };
  },
};
