import type { Pod } from '#api/kinds/index.ts';
import type { AdmissionPlugin } from './types.ts';

const SECONDS = 300;
const KEYS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Pods stay five minutes on a node that fails, unless they say otherwise (DefaultTolerationSeconds). */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(a) {
    if (a.resource.kind.plural !== 'pods' || a.resource.kind.group !== '' || a.subresource !== '') return;
    if (a.operation !== 'CREATE' && a.operation !== 'UPDATE') return;
    const { spec } = a.object as Pod;
    if (!spec) return;
    const tolerations = spec.tolerations ?? [];
    for (const key of KEYS) {
      const covered = tolerations.some((t) => (!t.key || t.key === key) && (!t.effect || t.effect === 'NoExecute'));
      if (!covered) tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: SECONDS });
    }
    spec.tolerations = tolerations;
  },
};
