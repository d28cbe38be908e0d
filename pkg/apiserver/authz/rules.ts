import type { UserInfo } from '../request/context.ts';

/** One RBAC rule: rbac.authorization.k8s.io/v1 PolicyRule. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** What a request wants to do, as the authorizer sees it. */
export interface AuthorizationRequest {
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  /** What the field selector of a list, watch or deletecollection demands to be equal. */
  readonly fields?: readonly FieldEquality[];
}

/** A field that is to have a value. */
export interface FieldEquality {
  readonly field: string;
  readonly value: string;
}

/** Answers whether a user may do something. */
export interface Authorizer {
  allows(user: UserInfo, r: AuthorizationRequest): boolean;
  /** Asked after a refusal by those whose knowledge may be a moment old. */
  allowsFresh?(user: UserInfo, r: AuthorizationRequest): Promise<boolean>;
  /** Why it allows what it allows, in the words of Kubernetes; undefined: there are none. */
  reasonFor?(user: UserInfo, r: AuthorizationRequest): string | undefined;
  /** Why it does not allow what it does not allow, likewise. */
  objectionTo?(user: UserInfo, r: AuthorizationRequest): string | undefined;
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list?.includes('*') === true || list?.includes(value) === true;

function resourceMatches(list: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (!subresource) return has(list, resource);
  if (!list) return false;
  return list.includes('*') || list.includes(`${resource}/${subresource}`) || list.includes(`*/${subresource}`);
}

function pathMatches(patterns: readonly string[] | undefined, path: string): boolean {
  for (const p of patterns ?? []) {
    if (p === '*' || p === path || (p.endsWith('*') && path.startsWith(p.slice(0, -1)))) return true;
  }
  return false;
}

/** Does the rule allow the request? "Using RBAC Authorization", Referring to resources. */
export function ruleAllows(rule: PolicyRule, r: AuthorizationRequest): boolean {
  if (!has(rule.verbs, r.verb)) return false;
  if (!r.isResource) return pathMatches(rule.nonResourceURLs, r.path);
  if (!has(rule.apiGroups, r.group) || !resourceMatches(rule.resources, r.resource, r.subresource)) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(r.name);
}
