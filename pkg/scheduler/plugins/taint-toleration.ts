import { normalizeMax, type Plugin, type Reason } from '../framework/plugin.ts';
import { type Taint, tolerates } from './tolerations.ts';

const hard = (t: Taint): boolean => t.effect === 'NoSchedule' || t.effect === 'NoExecute';

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
        const taint = info.node.spec?.taints?.find((t) => hard(t) && !tolerated(t));
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
