import type { Labels } from '../meta/labels.ts';

/**
 * What matchLabelKeys ('In') or mismatchLabelKeys ('NotIn') ask of other pods: the values that a pod has itself. Keys it has
 * no label for ask nothing.
 */
export function ownLabels<Operator extends 'In' | 'NotIn'>(
  keys: readonly string[] | undefined,
  labels: Labels,
  operator: Operator,
): { key: string; operator: Operator; values: string[] }[] {
  return (keys ?? []).flatMap((key) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
}
