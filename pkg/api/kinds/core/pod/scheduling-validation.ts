import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { type LabelSelectorLike, validateLabelSelector } from '../../../meta/labels.ts';
import { dnsLabel, dnsSubdomain, labelValue, qualifiedName } from '../../../meta/names.ts';
import { invalidFor, oneOfOptional } from '../../check/check.ts';
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../selectors.ts';
import type { Affinity, NodeAffinity, PodAffinityTerm, Toleration, TopologySpreadConstraint } from './affinity.ts';
import type { PodSpec } from './spec.ts';

export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const WEIGHT_MESSAGE = 'must be in the range 1-100';

function validateToleration(path: string, t: Toleration): FieldError[] {
  const found: FieldError[] = [];
  if (t.key) found.push(...invalidFor(`${path}.key`, t.key, qualifiedName(t.key)));
  if (!t.key && t.operator !== 'Exists') {
    const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    found.push(invalid(`${path}.operator`, t.operator ?? '', why));
  }
  if (t.tolerationSeconds !== undefined && t.effect !== 'NoExecute') {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    found.push(invalid(`${path}.effect`, t.effect ?? '', why));
  }
  const operator: string = t.operator || 'Equal';
  if (operator === 'Equal') found.push(...invalidFor(`${path}.operator`, t.value ?? '', labelValue(t.value ?? '')));
  else if (operator === 'Exists') {
    if (t.value) found.push(invalid(`${path}.operator`, t, "value must be empty when `operator` is 'Exists'"));
  } else found.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (t.effect) found.push(...oneOfOptional(`${path}.effect`, t.effect, TAINT_EFFECTS));
  return found;
}

export const validateTolerations = (path: string, list: readonly Toleration[] | undefined): FieldError[] =>
  (list ?? []).flatMap((t, i) => validateToleration(`${path}[${i}]`, t));

function validateRequirement(path: string, r: NodeSelectorRequirement): FieldError[] {
  const found: FieldError[] = [];
  const count = (r.values ?? []).length;
  const { operator } = r;
  if (operator === 'In' || operator === 'NotIn') {
    if (count === 0) found.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (count > 0) {
      found.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (count !== 1) {
      found.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    }
  } else found.push(invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator'));
  found.push(...invalidFor(`${path}.key`, r.key, qualifiedName(r.key)));
  return found;
}

function validateFieldRequirement(path: string, r: NodeSelectorRequirement): FieldError[] {
  const found: FieldError[] = [];
  if (r.operator === 'In' || r.operator === 'NotIn') {
    if ((r.values ?? []).length !== 1) {
      found.push(
        required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
      );
    }
  } else found.push(invalid(`${path}.operator`, r.operator ?? '', 'not a valid selector operator'));
  if (r.key !== 'metadata.name') return [...found, invalid(`${path}.key`, r.key, 'not a valid field selector key')];
  for (const [i, v] of (r.values ?? []).entries())
    found.push(...invalidFor(`${path}.values[${i}]`, v, dnsSubdomain(v)));
  return found;
}

const validateTerm = (path: string, term: NodeSelectorTerm | undefined): FieldError[] => [
  ...(term?.matchExpressions ?? []).flatMap((r, i) => validateRequirement(`${path}.matchExpressions[${i}]`, r)),
  ...(term?.matchFields ?? []).flatMap((r, i) => validateFieldRequirement(`${path}.matchFields[${i}]`, r)),
];

export function validateNodeSelector(path: string, s: NodeSelector): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  if ((s.nodeSelectorTerms ?? []).length === 0) return [required(at, 'must have at least one node selector term')];
  return s.nodeSelectorTerms.flatMap((t, i) => validateTerm(`${at}[${i}]`, t));
}

const weight = (path: string, w: number): FieldError[] =>
  w < 1 || w > 100 ? [invalid(`${path}.weight`, w, WEIGHT_MESSAGE)] : [];

/** Keys whose values are taken from the labels of the pod itself: they narrow a selector, so there must be one. */
function validateLabelKeys(
  path: string,
  keys: readonly string[] | undefined,
  selector: LabelSelectorLike | undefined,
): FieldError[] {
  if (!keys?.length) return [];
  if (!selector) return [forbidden(path, 'must not be specified when labelSelector is not set')];
  return keys.flatMap((key, i) => invalidFor(`${path}[${i}]`, key, qualifiedName(key)));
}

const TWICE = 'exists in both matchLabelKeys and labelSelector';

/** Of a term, a key that the selector names once may be what was merged into it (`mergeLabelKeys`). */
function keysTwice(path: string, t: PodAffinityTerm | undefined): FieldError[] {
  const { matchLabels = {}, matchExpressions = [] } = t?.labelSelector ?? {};
  const named = new Set(Object.keys(matchLabels));
  return matchExpressions.flatMap(({ key }) => {
    const i = named.has(key) ? (t?.matchLabelKeys ?? []).lastIndexOf(key) : -1;
    named.add(key);
    return i < 0 ? [] : [invalid(`${path}[${i}]`, key, TWICE)];
  });
}

function validatePodTerm(path: string, t: PodAffinityTerm | undefined): FieldError[] {
  const found = [
    ...validateLabelSelector(t?.labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(t?.namespaceSelector, `${path}.namespaceSelector`),
    ...(t?.namespaces ?? []).flatMap((name) => invalidFor(`${path}.namespace`, name, dnsLabel(name))),
    ...validateLabelKeys(`${path}.matchLabelKeys`, t?.matchLabelKeys, t?.labelSelector),
    ...validateLabelKeys(`${path}.mismatchLabelKeys`, t?.mismatchLabelKeys, t?.labelSelector),
    ...keysTwice(path, t),
  ];
  for (const [i, key] of (t?.matchLabelKeys ?? []).entries()) {
    if (!t?.mismatchLabelKeys?.includes(key)) continue;
    const why = 'exists in both matchLabelKeys and mismatchLabelKeys';
    found.push(invalid(`${path}.matchLabelKeys[${i}]`, key, why));
  }
  const { topologyKey = '' } = t ?? {};
  if (!topologyKey) found.push(required(`${path}.topologyKey`, 'can not be empty'));
  found.push(...invalidFor(`${path}.topologyKey`, topologyKey, qualifiedName(topologyKey)));
  return found;
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateNodeAffinity(path: string, node: NodeAffinity | undefined): FieldError[] {
  const found: FieldError[] = [];
  if (node?.[REQUIRED]) found.push(...validateNodeSelector(`${path}.${REQUIRED}`, node[REQUIRED]));
  for (const [i, p] of (node?.[PREFERRED] ?? []).entries()) {
    const at = `${path}.${PREFERRED}[${i}]`;
    found.push(...weight(at, p.weight), ...validateTerm(`${at}.preference`, p.preference));
  }
  return found;
}

function validateAffinity(path: string, a: Affinity | undefined): FieldError[] {
  const found = validateNodeAffinity(`${path}.nodeAffinity`, a?.nodeAffinity);
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const at = `${path}.${kind}`;
    for (const [i, t] of (a?.[kind]?.[REQUIRED] ?? []).entries()) {
      found.push(...validatePodTerm(`${at}.${REQUIRED}[${i}]`, t));
    }
    for (const [i, w] of (a?.[kind]?.[PREFERRED] ?? []).entries()) {
      const here = `${at}.${PREFERRED}[${i}]`;
      found.push(...weight(here, w.weight), ...validatePodTerm(`${here}.podAffinityTerm`, w.podAffinityTerm));
    }
  }
  return found;
}

const positive = (path: string, n: number): FieldError[] =>
  n <= 0 ? [invalid(path, n, 'must be greater than zero')] : [];

function validateSpread(path: string, c: TopologySpreadConstraint): FieldError[] {
  const found = positive(`${path}.maxSkew`, c.maxSkew);
  if (!c.topologyKey) found.push(required(`${path}.topologyKey`, 'can not be empty'));
  const ways = ['DoNotSchedule', 'ScheduleAnyway'];
  found.push(...oneOfOptional(`${path}.whenUnsatisfiable`, c.whenUnsatisfiable ?? '', ways));
  if (c.minDomains !== undefined) {
    found.push(...positive(`${path}.minDomains`, c.minDomains));
    if (c.whenUnsatisfiable !== 'DoNotSchedule') {
      const why = 'can only use minDomains if whenUnsatisfiable=DoNotSchedule';
      found.push(invalid(`${path}.minDomains`, c.minDomains, why));
    }
  }
  found.push(
    ...oneOfOptional(`${path}.nodeAffinityPolicy`, c.nodeAffinityPolicy, ['Honor', 'Ignore']),
    ...oneOfOptional(`${path}.nodeTaintsPolicy`, c.nodeTaintsPolicy, ['Honor', 'Ignore']),
    ...validateLabelSelector(c.labelSelector, `${path}.labelSelector`),
    ...validateLabelKeys(`${path}.matchLabelKeys`, c.matchLabelKeys, c.labelSelector),
  );
  const { matchLabels = {}, matchExpressions = [] } = c.labelSelector ?? {};
  const named = new Set([...Object.keys(matchLabels), ...matchExpressions.map((e) => e.key)]);
  for (const [i, key] of (c.matchLabelKeys ?? []).entries())
    if (named.has(key)) found.push(invalid(`${path}.matchLabelKeys[${i}]`, key, TWICE));
  return found;
}

const spreadKey = (c: TopologySpreadConstraint): string => `{${c.topologyKey}, ${c.whenUnsatisfiable}}`;

/** Of two that are alike the first is blamed. */
function validateSpreads(path: string, list: readonly TopologySpreadConstraint[] = []): FieldError[] {
  return list.flatMap((c, i) => {
    const found = validateSpread(`${path}[${i}]`, c);
    const key = spreadKey(c);
    if (list.slice(i + 1).some((other) => spreadKey(other) === key)) {
      found.push(duplicate(`${path}[${i}].{topologyKey, whenUnsatisfiable}`, key));
    }
    return found;
  });
}

/** Everything that says where a pod may run. */
export const validateScheduling = (path: string, spec: PodSpec): FieldError[] => [
  ...validateTolerations(`${path}.tolerations`, spec.tolerations),
  ...validateAffinity(`${path}.affinity`, spec.affinity),
  ...validateSpreads(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints),
];
