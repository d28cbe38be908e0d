import { type FieldError, invalid } from '../../meta/fielderrors.ts';
import { nonNegative } from './check.ts';

interface Counts {
  replicas?: number;
  fullyLabeledReplicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  currentReplicas?: number;
  observedGeneration?: number;
}

const COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'currentReplicas',
  'observedGeneration',
] as const;
const PARTS = ['fullyLabeledReplicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'] as const;

/** The pod counts of a workload's status must fit together. */
export function validateCounts(status: Counts | undefined): FieldError[] {
  if (!status) return [];
  const found = COUNTS.flatMap((k) => nonNegative(`status.${k}`, status[k]));
  const all = status.replicas ?? 0;
  for (const k of PARTS) {
    const n = status[k] ?? 0;
    if (n > all) found.push(invalid(`status.${k}`, n, 'cannot be greater than status.replicas'));
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    found.push(invalid('status.availableReplicas', status.availableReplicas, 'cannot be greater than readyReplicas'));
  }
  return found;
}
