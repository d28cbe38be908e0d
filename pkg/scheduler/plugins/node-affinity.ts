import type { Node, Pod } from '#api/kinds/index.ts';
import { normalizeMax, type Plugin, type Reason } from '../framework/plugin.ts';

const MISMATCH: readonly Reason[] = [{ text: "node(s) didn't match Pod's node affinity/selector", unresolvable: true }];

type Affinity = NonNullable<NonNullable<NonNullable<Pod['spec']>['affinity']>['nodeAffinity']>;
type Term = NonNullable<
  NonNullable<Affinity['requiredDuringSchedulingIgnoredDuringExecution']>['nodeSelectorTerms']
>[number];
type Requirement = NonNullable<Term['matchExpressions']>[number];

function numbersCompare(value: string | undefined, bound: string | undefined, greater: boolean): boolean {
  if (value === undefined || bound === undefined || !/^-?\d+$/.test(value) || !/^-?\d+$/.test(bound)) return false;
  return greater ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/** One expression of a node selector term. Gt and Lt compare integers. */
function requirementMatches(r: Requirement, value: string | undefined): boolean {
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
export function termMatches(term: Term, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  const labels = node.metadata?.labels ?? {};
  return (
    expressions.every((r) => requirementMatches(r, labels[r.key])) &&
    fields.every((r) => requirementMatches(r, r.key === 'metadata.name' ? node.metadata?.name : undefined))
  );
}

/** nodeSelector and required node affinity; preferred terms add their weights ("Assigning Pods to Nodes"). */
export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  wakesOn: ['node-added', 'node-labels'],
  prepare(pod) {
    const selector = Object.entries(pod.spec?.nodeSelector ?? {});
    const affinity = pod.spec?.affinity?.nodeAffinity;
    const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (selector.length === 0 && !required && preferred.length === 0) return null;
    return {
      filter({ node }) {
        const labels = node.metadata.labels ?? {};
        if (!selector.every(([k, v]) => labels[k] === v)) return MISMATCH;
        return !required || required.some((t) => termMatches(t, node)) ? null : MISMATCH;
      },
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
