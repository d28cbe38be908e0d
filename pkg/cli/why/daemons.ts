import type { DaemonSet } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

/** Why a DaemonSet runs nowhere; undefined when there is a node it is for. */
export function whyNowhere({ spec, status }: DaemonSet): Answer | undefined {
  if (status?.desiredNumberScheduled) return undefined;
  const { nodeSelector = {} } = spec?.template?.spec ?? {};
  const labels = Object.entries(nodeSelector).map(([k, v]) => `${k}=${v}`);
  return {
    because: 'no node is one that its pods are for',
    evidence: [
      labels.length > 0 ? `its pods want a node with ${labels.join(',')}` : 'look at its affinity and tolerations',
    ],
    next: 'cox get nodes --show-labels',
  };
}
