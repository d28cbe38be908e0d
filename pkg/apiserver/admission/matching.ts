import { type Namespace, Namespaces } from '#api/kinds/index.ts';
import { compileLabelSelector, type LabelSelectorLike } from '#api/meta/labels.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Lookup } from './lookup.ts';
import type { Attributes } from './types.ts';

/** One rule of webhooks and policies. */
export interface MatchRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly scope?: string;
}

/** Which requests a webhook or policy is about ("Dynamic Admission Control", matching requests). */
export interface Criteria {
  readonly rules: readonly MatchRule[];
  /** What is left out again. */
  readonly excluded?: readonly MatchRule[];
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelectorLike;
  readonly objectSelector?: LabelSelectorLike;
}

/** The request as rules see it: a resource may be served in several versions. */
export interface Matched {
  readonly attributes: Attributes;
  /** The version asked for first. */
  readonly versions: readonly Resource[];
  /** The namespace of the request's object. */
  readonly namespace: Namespace | undefined;
  /** Labels of the namespace; of the object itself when it is one. Undefined: cluster-scoped. */
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
}

/** What the rules of webhooks and policies are held against. */
export async function matchedOf(a: Attributes, lookup: Lookup, resources: ResourceTable): Promise<Matched> {
  const { group, plural } = a.resource.kind;
  const asked = a.asked ?? a.resource;
  const others = resources
    .all()
    .filter(({ kind }) => kind.group === group && kind.plural === plural && kind.version !== asked.kind.version);
  const namespace = a.namespace ? await lookup.find(Namespaces, '', a.namespace) : undefined;
  return { attributes: a, versions: [asked, ...others], namespace, namespaceLabels: namespaceLabelsOf(a, namespace) };
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list?.includes('*') === true || list?.includes(value) === true;

function resourceMatches(list: readonly string[] | undefined, plural: string, subresource: string): boolean {
  return (list ?? []).some((r) => {
    const [resource = '', sub = ''] = r.split('/');
    return (resource === '*' || resource === plural) && (sub === subresource || sub === '*');
  });
}

function ruleMatches(rule: MatchRule, { kind }: Resource, a: Attributes): boolean {
  const scope = rule.scope ?? '*';
  const names = rule.resourceNames ?? [];
  return (
    has(rule.operations, a.operation) &&
    has(rule.apiGroups, kind.group) &&
    has(rule.apiVersions, kind.version) &&
    resourceMatches(rule.resources, kind.plural, a.subresource) &&
    (names.length === 0 || names.includes(a.name)) &&
    (scope === '*' || (scope === 'Namespaced') === kind.namespaced)
  );
}

const selects = (selector: LabelSelectorLike | undefined, labels: Readonly<Record<string, string>>): boolean =>
  compileLabelSelector(selector ?? {}).matches(labels);

/** Nobody decides over the configurations of those who decide. */
export const isExempt = (a: Attributes): boolean => a.resource.kind.group === 'admissionregistration.k8s.io';

/**
 * Do the criteria speak of the request? By matchPolicy Equivalent also if their rules name another version than the one
 * asked for.
 * @returns the version they speak of, in which the request is to be shown
 */
export function matchedVersion(criteria: Criteria, request: Matched): Resource | undefined {
  const { attributes: a, namespaceLabels } = request;
  const { rules, excluded = [], matchPolicy } = criteria;
  const versions = matchPolicy === 'Exact' ? request.versions.slice(0, 1) : request.versions;
  const found = isExempt(a) ? undefined : versions.find((v) => rules.some((r) => ruleMatches(r, v, a)));
  if (!found || versions.some((v) => excluded.some((r) => ruleMatches(r, v, a)))) return undefined;
  if (namespaceLabels && !selects(criteria.namespaceSelector, namespaceLabels)) return undefined;
  const labelsOf = [a.object, a.oldObject].flatMap((o) => (o ? [o.metadata?.labels ?? {}] : []));
  const selected =
    labelsOf.length === 0
      ? selects(criteria.objectSelector, {})
      : labelsOf.some((labels) => selects(criteria.objectSelector, labels));
  return selected ? found : undefined;
}

/** Labels that namespaceSelector is held against. */
function namespaceLabelsOf(a: Attributes, namespace: Namespace | undefined): Matched['namespaceLabels'] {
  if (a.resource.kind.group === '' && a.resource.kind.plural === 'namespaces') {
    return (a.object ?? a.oldObject)?.metadata?.labels ?? {};
  }
  return a.resource.kind.namespaced ? (namespace?.metadata?.labels ?? {}) : undefined;
}
