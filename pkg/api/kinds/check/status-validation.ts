import { duplicate, type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { dnsSubdomain } from '../../meta/names.ts';
import { invalidFor, ipAddress, isAddress, nonNegative } from './check.ts';

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

/** The fields of a status that are counts, whatever the kind. @returns a problem for each that is below zero */
export const validateNumbers = <S extends object>(status: S | undefined, fields: readonly (keyof S & string)[]) =>
  fields.flatMap((k) => nonNegative(`status.${k}`, status?.[k] as number | undefined));

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
const PARTS = [
  'fullyLabeledReplicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'currentReplicas',
] as const;

/** The pod counts of a workload's status must fit together. What a kind does not count is not set. */
export function validateCounts(status: Counts | undefined): FieldError[] {
  if (!status) return [];
  const found = validateNumbers(status, COUNTS);
  const all = status.replicas ?? 0;
  for (const k of PARTS) {
    const n = status[k];
    if (n !== undefined && n > all) found.push(invalid(`status.${k}`, n, 'cannot be greater than status.replicas'));
  }
  const { availableReplicas, readyReplicas = 0 } = status;
  if (availableReplicas !== undefined && availableReplicas > readyReplicas) {
    found.push(invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'));
  }
  return found;
}

/** Names of children are made with the count of collisions: an earlier one would make names that are taken. */
export function validateCollisions(now: { collisionCount?: number } = {}, old: { collisionCount?: number } = {}) {
  const found = nonNegative('status.collisionCount', now.collisionCount);
  if (old.collisionCount !== undefined && (now.collisionCount ?? 0) < old.collisionCount)
    found.push(invalid('status.collisionCount', now.collisionCount ?? 0, 'cannot be decremented'));
  return found;
}

/** An entry point of a load balancer at `path` is an address or a name. */
export const validateEntryPoint = (
  path: string,
  { ip, hostname }: { ip?: string; hostname?: string },
): FieldError[] => [
  ...(ip ? ipAddress(`${path}.ip`, ip) : []),
  ...(hostname ? invalidFor(`${path}.hostname`, hostname, dnsSubdomain(hostname)) : []),
  ...(hostname && isAddress(hostname)
    ? [invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address')]
    : []),
];

/** Each condition of a status is of a type, and of one of its own. */
export function validateConditionTypes(conditions: readonly { readonly type?: string }[] = []): FieldError[] {
  const types = conditions.map(({ type = '' }) => type);
  return types.flatMap((type, i) => {
    const path = `status.conditions[${i}].type`;
    if (!type) return [required(path, 'must not be empty')];
    return types.indexOf(type) < i ? [duplicate(path, type)] : [];
  });
}
