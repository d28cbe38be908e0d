import { type FieldError, forbidden, invalid, required } from './fielderrors.ts';
import { labelValue, qualifiedName } from './names.ts';
import { type Requirement, type Selector, selectorOf } from './selector.ts';

export type { Requirement, Selector, SelectorOperator } from './selector.ts';
export { parseLabelSelector } from './selector-text.ts';

export type Labels = Readonly<Record<string, string>>;

/** metav1.LabelSelector. */
export interface LabelSelectorLike {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Matches nothing: what an absent selector means. */
export const NOTHING: Selector = { requirements: [], matches: () => false };

const OPERATORS: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function requirementsOf(s: LabelSelectorLike): Requirement[] {
  const requirements: Requirement[] = Object.entries(s.matchLabels ?? {}).map(([key, v]) => ({
    key,
    operator: 'Equals',
    values: [v],
  }));
  for (const e of s.matchExpressions ?? []) {
    requirements.push({ key: e.key, operator: e.operator as Requirement['operator'], values: e.values ?? [] });
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** Compiles `matchLabels` and `matchExpressions`; an empty selector matches everything, an absent one nothing. */
export const compileLabelSelector = (s: LabelSelectorLike | undefined): Selector =>
  s ? selectorOf(requirementsOf(s)) : NOTHING;

/** Text of a LabelSelector as `kubectl -l` takes it, sorted by key; empty for a selector of everything. */
export const formatLabelSelector = (s: LabelSelectorLike): string => requirementsOf(s).map(formatRequirement).join(',');

function formatRequirement(r: Requirement): string {
  const list = [...r.values].sort().join(',');
  switch (r.operator) {
    case 'Equals':
      return `${r.key}=${list}`;
    case 'NotEquals':
      return `${r.key}!=${list}`;
    case 'In':
      return `${r.key} in (${list})`;
    case 'NotIn':
      return `${r.key} notin (${list})`;
    case 'Exists':
      return r.key;
    case 'DoesNotExist':
      return `!${r.key}`;
    case 'Gt':
      return `${r.key}>${list}`;
    case 'Lt':
      return `${r.key}<${list}`;
  }
}

/** Problems of a labels map at `field`. */
export function validateLabels(labels: Labels | undefined, field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([k, v]) => [
    ...qualifiedName(k).map((m) => invalid(field, k, m)),
    ...labelValue(v).map((m) => invalid(field, v, m)),
  ]);
}

/** Problems of a LabelSelector at `field`. */
export function validateLabelSelector(s: LabelSelectorLike | undefined, field: string): FieldError[] {
  const found = validateLabels(s?.matchLabels, `${field}.matchLabels`);
  for (const [i, e] of (s?.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${i}]`;
    const values = e.values ?? [];
    const listed = e.operator === 'In' || e.operator === 'NotIn';
    if (!OPERATORS.includes(e.operator)) {
      found.push(invalid(`${at}.operator`, e.operator, 'not a valid selector operator'));
    } else if (listed && values.length === 0) {
      found.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (!listed && values.length > 0) {
      found.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    found.push(...qualifiedName(e.key).map((m) => invalid(`${at}.key`, e.key, m)));
    for (const [j, v] of values.entries()) {
      found.push(...labelValue(v).map((m) => invalid(`${at}.values[${j}]`, v, m)));
    }
  }
  return found;
}
