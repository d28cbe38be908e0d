import { type Taint, tolerates, untolerated } from '#api/scheduling/taints.ts';
import { normalizeMax, type Plugin, type Reason } from '../framework/plugin.ts';

/** Hard taints keep pods away; of soft ones (PreferNoSchedule), the fewer untolerated the better. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  wakesOn: ['node-added', 'node-taints'],
  prepare(pod) {
    const tolerations = pod.spec?.tolerations ?? [];
    const tolerated = (taint: Taint): boolean => tolerations.some((t) => tolerates(t, taint));
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
      score: (info) =>
        (info.node.spec?.taints ?? []).filter((t) => t.effect === 'PreferNoSchedule' && !tolerated(t)).length,
      normalize: (scores) => normalizeMax(scores, true),
    };
  },
};
