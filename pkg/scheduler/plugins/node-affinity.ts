import { requiresNode, termMatches } from '#api/scheduling/node-selector.ts';
import { normalizeMax, type Plugin, type Reason } from '../framework/plugin.ts';

const MISMATCH: readonly Reason[] = [{ text: "node(s) didn't match Pod's node affinity/selector", unresolvable: true }];

/** nodeSelector and required node affinity; preferred terms add their weights ("Assigning Pods to Nodes"). */
export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  wakesOn: ['node-added', 'node-labels'],
  prepare({ spec }) {
    const affinity = spec?.affinity?.nodeAffinity;
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const constrained =
      Object.keys(spec?.nodeSelector ?? {}).length > 0 || affinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (!constrained && preferred.length === 0) return null;
    return {
      ...(constrained ? { filter: ({ node }) => (requiresNode(spec, node) ? null : MISMATCH) } : {}),
      ...(preferred.length > 0
        ? {
            score: ({ node }) =>
              preferred.reduce((sum, p) => sum + (p.preference && termMatches(p.preference, node) ? p.weight : 0), 0),
            normalize: normalizeMax,
          }
        : {}),
    };
  },
};
