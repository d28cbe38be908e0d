import type { Node } from '../kinds/core/node/node.ts';
import type { PodSpec } from '../kinds/core/pod/spec.ts';
import type { NodeSelectorRequirement, NodeSelectorTerm } from '../kinds/core/selectors.ts';

function numbersCompare(value: string | undefined, bound: string | undefined, greater: boolean): boolean {
  if (value === undefined || bound === undefined || !/^-?\d+$/.test(value) || !/^-?\d+$/.test(bound)) return false;
  return greater ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/** One expression of a node selector term. Gt and Lt compare integers. */
function requirementMatches(r: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (r.operator) {
    case 'In':
      return value !== undefined && (r.values ?? []).includes(value);
    case 'NotIn':
      return value === undefined || !(r.values ?? []).includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return numbersCompare(value, r.values?.[0], r.operator === 'Gt');
    default:
      return false;
  }
}

/** All expressions of a term must hold; a term without any matches nothing. */
export function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  const labels = node.metadata?.labels ?? {};
  return (
    expressions.every((r) => requirementMatches(r, labels[r.key])) &&
    fields.every((r) => requirementMatches(r, r.key === 'metadata.name' ? node.metadata?.name : undefined))
  );
}

/** True if `nodeSelector` and the required node affinity of a pod admit the node ("Assigning Pods to Nodes"). */
export function requiresNode(spec: Pick<PodSpec, 'nodeSelector' | 'affinity'> | undefined, node: Node): boolean {
  const labels = node.metadata?.labels ?? {};
  const selector = spec?.nodeSelector;
  if (selector) for (const k of Object.keys(selector)) if (labels[k] !== selector[k]) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return !required || required.some((t) => termMatches(t, node));
}
