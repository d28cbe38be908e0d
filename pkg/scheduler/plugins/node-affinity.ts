import type { Node, NodeAffinity, Pod } from '#api/kinds/index.ts';
import { requiresNode, termMatches } from '#api/scheduling/node-selector.ts';
import { ifNode } from '../framework/events.ts';
import { normalizeMax, type Plugin, type Reason } from '../framework/plugin.ts';
import { DEFAULT_ARGS, type PluginArgs } from './args.ts';

const MISMATCH: readonly Reason[] = [{ text: "node(s) didn't match Pod's node affinity/selector", unresolvable: true }];
const NOT_ENFORCED: readonly Reason[] = [
  { text: "node(s) didn't match scheduler-enforced node affinity", unresolvable: true },
];

/** The nodes that required affinity names (as DaemonSets do), if every term names some: no others need a look. */
function namedNodes(affinity: NodeAffinity | undefined): ReadonlySet<string> | undefined {
  const terms = affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const names = terms.map((t) => {
    const field = t.matchFields?.find((f) => f.key === 'metadata.name' && f.operator === 'In');
    return field?.values;
  });
  return terms.length > 0 && names.every((n) => n !== undefined) ? new Set(names.flat() as string[]) : undefined;
}

/** nodeSelector and required node affinity; preferred terms add their weights ("Assigning Pods to Nodes"). */
export const nodeAffinityWith = ({ addedAffinity: added }: PluginArgs['NodeAffinity']): Plugin => {
  const addedSpec = added && { affinity: { nodeAffinity: added } };
  const enforced = added?.requiredDuringSchedulingIgnoredDuringExecution !== undefined;
  const admits = ({ spec }: Pod, node: Node): boolean => requiresNode(addedSpec, node) && requiresNode(spec, node);
  return {
    name: 'NodeAffinity',
    weight: 2,
    wakesOn: { 'node-added': ifNode(admits), 'node-labels': ifNode(admits), 'pod-changed': true },
    prepare({ spec }) {
      const affinity = spec?.affinity?.nodeAffinity;
      const preferred = [affinity, added].flatMap((a) => a?.preferredDuringSchedulingIgnoredDuringExecution ?? []);
      const constrained =
        Object.keys(spec?.nodeSelector ?? {}).length > 0 || affinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (!constrained && !enforced && preferred.length === 0) return null;
      const only = namedNodes(affinity);
      return {
        ...(only ? { only } : {}),
        ...(constrained || enforced
          ? {
              filter: ({ node }) =>
                requiresNode(addedSpec, node) ? (requiresNode(spec, node) ? null : MISMATCH) : NOT_ENFORCED,
            }
          : {}),
        ...(preferred.length > 0
          ? {
              score: ({ node }) =>
                preferred.reduce((sum, p) => sum + (p.preference && termMatches(p.preference, node) ? p.weight : 0), 0),
              normalize: (scores) => normalizeMax(scores),
            }
          : {}),
      };
    },
  };
};

export const nodeAffinity = nodeAffinityWith(DEFAULT_ARGS.NodeAffinity);
