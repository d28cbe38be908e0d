/** Equals and NotEquals match as In and NotIn with one value; they are told apart to be written again as they came. */
export type SelectorOperator = 'Equals' | 'NotEquals' | 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** A compiled label selector. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  matches(labels: Readonly<Record<string, string>>): boolean;
}

const INTEGER = /^[+-]?\d+$/;

function compares(value: string | undefined, r: Requirement): boolean {
  const [limit = ''] = r.values;
  // Labels that are no numbers match neither way.
  if (value === undefined || !INTEGER.test(value) || !INTEGER.test(limit)) return false;
  const [x, y] = [BigInt(value.replace('+', '')), BigInt(limit.replace('+', ''))];
  return r.operator === 'Gt' ? x > y : x < y;
}

function holds(r: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[r.key];
  switch (r.operator) {
    case 'Equals':
      return value !== undefined && value === r.values[0];
    case 'In':
      return value !== undefined && r.values.includes(value);
    case 'NotEquals':
    case 'NotIn':
      return value === undefined || !r.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return compares(value, r);
    default:
      // An operator nobody knows, from an object that was not validated, selects nothing.
      return false;
  }
}

/** All of the requirements must hold; none means everything matches. */
export const selectorOf = (requirements: readonly Requirement[]): Selector => ({
  requirements,
  matches(labels) {
    for (const r of requirements) if (!holds(r, labels)) return false;
    return true;
  },
});
