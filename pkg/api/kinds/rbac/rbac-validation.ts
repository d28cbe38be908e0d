import { sameJson } from '../../meta/equal.ts';
import { type FieldError, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { dnsSubdomain, pathSegment } from '../../meta/names.ts';
import { invalidFor } from '../check/check.ts';
import type { PolicyRule, RoleRef, Subject } from './rules.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

function validateRule(path: string, r: PolicyRule, namespaced: boolean): FieldError[] {
  const found: FieldError[] = [];
  if (!r.verbs?.length) found.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (r.nonResourceURLs?.length) {
    if (namespaced) {
      const why = 'namespaced rules cannot apply to non-resource URLs';
      found.push(invalid(`${path}.nonResourceURLs`, r.nonResourceURLs, why));
    }
    if (r.apiGroups?.length || r.resources?.length || r.resourceNames?.length) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      found.push(invalid(`${path}.nonResourceURLs`, r.nonResourceURLs, why));
    }
    return found;
  }
  if (!r.apiGroups?.length)
    found.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  if (!r.resources?.length)
    found.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  return found;
}

/** Rules of a role; those of a namespaced one cannot speak of paths. */
export const validateRules = (rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] =>
  (rules ?? []).flatMap((r, i) => validateRule(`rules[${i}]`, r, namespaced));

function validateSubject(path: string, s: Subject, namespaced: boolean): FieldError[] {
  const found: FieldError[] = [];
  if (!s.name) found.push(required(`${path}.name`));
  const group = (want: string): void => {
    if ((s.apiGroup ?? '') !== want) found.push(notSupported(`${path}.apiGroup`, s.apiGroup ?? '', [want]));
  };
  if (s.kind === 'ServiceAccount') {
    if (s.name) found.push(...invalidFor(`${path}.name`, s.name, dnsSubdomain(s.name)));
    group('');
    if (!namespaced && !s.namespace) found.push(required(`${path}.namespace`));
  } else if (s.kind === 'User' || s.kind === 'Group') group(RBAC_GROUP);
  else found.push(notSupported(`${path}.kind`, s.kind, ['ServiceAccount', 'User', 'Group']));
  return found;
}

interface BindingLike {
  subjects?: Subject[];
  roleRef: RoleRef;
}

/** A binding of either scope; the role it refers to can never be changed. */
export function validateBinding(o: BindingLike, old: BindingLike | undefined, kinds: readonly string[]): FieldError[] {
  const ref = o.roleRef ?? { apiGroup: '', kind: '', name: '' };
  const found: FieldError[] = [];
  if (ref.apiGroup !== RBAC_GROUP) found.push(notSupported('roleRef.apiGroup', ref.apiGroup, [RBAC_GROUP]));
  if (!kinds.includes(ref.kind)) found.push(notSupported('roleRef.kind', ref.kind, kinds));
  if (!ref.name) found.push(required('roleRef.name'));
  else found.push(...invalidFor('roleRef.name', ref.name, pathSegment(ref.name)));
  const namespaced = kinds.length > 1;
  found.push(...(o.subjects ?? []).flatMap((s, i) => validateSubject(`subjects[${i}]`, s, namespaced)));
  if (old && !sameJson(ref, old.roleRef)) {
    found.push(invalid('roleRef', ref, 'cannot change roleRef'));
  }
  return found;
}

/** Users and groups are of the RBAC group unless they say otherwise; so is the role. */
export function defaultBinding(o: BindingLike): void {
  o.roleRef ??= { apiGroup: '', kind: '', name: '' };
  if (!o.roleRef.apiGroup) o.roleRef.apiGroup = RBAC_GROUP;
  for (const s of o.subjects ?? []) {
    if (!s.apiGroup && (s.kind === 'User' || s.kind === 'Group')) s.apiGroup = RBAC_GROUP;
  }
}
