import type { Labels } from '../../../meta/labels.ts';
import { ownLabels } from '../../../scheduling/own-labels.ts';
import type { Affinity } from './affinity.ts';

/**
 * Writes what matchLabelKeys and mismatchLabelKeys say of a new pod's own labels into the selectors of its affinity terms,
 * where the scheduler and the reader find it ("Assigning Pods to Nodes", matchLabelKeys). A term without selector means
 * nobody, and goes on to. @param labels the pod's
 */
export function mergeLabelKeys(affinity: Affinity | undefined, labels: Labels): void {
  for (const half of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
    const preferred = half?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [
      ...(half?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...preferred.map((p) => p.podAffinityTerm),
    ];
    for (const term of terms) {
      // It is looked at before it is checked.
      if (!term?.labelSelector) continue;
      const { labelSelector, matchLabelKeys, mismatchLabelKeys } = term;
      const more = [...ownLabels(matchLabelKeys, labels, 'In'), ...ownLabels(mismatchLabelKeys, labels, 'NotIn')];
      if (more.length > 0) labelSelector.matchExpressions = [...(labelSelector.matchExpressions ?? []), ...more];
    }
  }
}
