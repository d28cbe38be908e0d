import type { ResourceAttributes } from '#api/kinds/authorization/attributes.ts';
import { parseTerms } from '#api/meta/fieldselector.ts';
import { parseLabelSelector } from '#api/meta/labels.ts';
import { equalitiesIn } from '../authz/authorize.ts';
import type { FieldEquality } from '../authz/rules.ts';

type Requirement = { readonly key?: string; readonly operator: string; readonly values?: readonly string[] };
type Selector = { readonly rawSelector?: string; readonly requirements?: readonly Requirement[] };

/** Conditions on fields are equalities: one value, no question whether there is one. */
const isFieldCondition = ({ operator, values }: Requirement): boolean =>
  (operator === 'In' || operator === 'NotIn') && values?.length === 1;
const isLabelCondition = ({ operator }: Requirement): boolean =>
  ['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator);

/** What becomes of a selector that is not understood, as a whole or in part; undefined: it is. */
function ignored(
  { rawSelector, requirements = [] }: Selector,
  parse: (text: string) => unknown,
  isKnown: (r: Requirement) => boolean,
): string | undefined {
  if (requirements.length > 0) {
    const known = requirements.filter(isKnown).length;
    if (known === requirements.length) return undefined;
    return known > 0 ? 'partially ignored' : 'ignored';
  }
  try {
    parse(rawSelector ?? '');
    return undefined;
  } catch {
    return 'ignored';
  }
}

/** What the field selector of a review demands to be equal, as far as it is understood. */
export function equalitiesOf({ fieldSelector: s }: ResourceAttributes): readonly FieldEquality[] {
  const requirements: readonly Requirement[] = s?.requirements ?? [];
  if (requirements.length === 0) return equalitiesIn(s?.rawSelector ?? '');
  return requirements
    .filter((r) => r.operator === 'In' && isFieldCondition(r))
    .map(({ key = '', values = [] }) => ({ field: key, value: values[0] ?? '' }));
}

/**
 * What an access review says of selectors that are not understood: the question is answered as if they were not there,
 * which is the wider one. Empty when they are.
 */
export function selectorErrors({ fieldSelector, labelSelector }: ResourceAttributes): string {
  const found = {
    fieldSelector: fieldSelector && ignored(fieldSelector, parseTerms, isFieldCondition),
    labelSelector: labelSelector && ignored(labelSelector, parseLabelSelector, isLabelCondition),
  };
  return Object.entries(found)
    .flatMap(([name, how]) => (how ? [`spec.resourceAttributes.${name} ${how} due to parse error`] : []))
    .join(', ');
}
