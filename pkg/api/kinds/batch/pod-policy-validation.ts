import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { invalidFor, nonNegative, oneOfRequired } from '../check/check.ts';
import type { JobSpec } from './job.ts';
import type { PodFailurePolicyRule, SuccessPolicyRule } from './pod-failure.ts';

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const MAX_RULES = 20;
const MAX_PATTERNS = 20;
const MAX_EXIT_CODES = 255;

const values = (list: readonly string[]): string => `valid values: [${list.map((v) => JSON.stringify(v)).join(' ')}]`;

const atMost = (path: string, list: readonly unknown[], max: number): FieldError[] =>
  list.length > max ? [tooMany(path, list.length, max)] : [];

type ExitCodes = NonNullable<PodFailurePolicyRule['onExitCodes']>;

function validateExitCodes(path: string, r: ExitCodes, spec: JobSpec): FieldError[] {
  const found = oneOfRequired(`${path}.operator`, r.operator, ['In', 'NotIn']);
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  if (r.containerName !== undefined && ![...initContainers, ...containers].some((c) => c.name === r.containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    found.push(invalid(`${path}.containerName`, r.containerName, why));
  }
  const at = `${path}.values`;
  const codes = r.values ?? [];
  if (codes.length === 0) found.push(invalid(at, codes, 'at least one value is required'));
  found.push(...atMost(at, codes, MAX_EXIT_CODES));
  for (const [i, code] of codes.entries()) {
    if (r.operator === 'In' && code === 0)
      found.push(invalid(`${at}[${i}]`, code, 'must not be 0 for the In operator'));
    if (codes.indexOf(code) < i) found.push(duplicate(`${at}[${i}]`, code));
  }
  if (codes.some((code, i) => code < (codes[i - 1] ?? code))) found.push(invalid(at, codes, 'must be ordered'));
  return found;
}

function validateFailureRule(path: string, r: PodFailurePolicyRule, spec: JobSpec): FieldError[] {
  const found: FieldError[] = [];
  const action: string | undefined = r.action;
  if (!action) found.push(required(`${path}.action`, values(ACTIONS)));
  else if (!ACTIONS.includes(action)) found.push(notSupported(`${path}.action`, action, ACTIONS));
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    found.push(invalid(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (r.onExitCodes) found.push(...validateExitCodes(`${path}.onExitCodes`, r.onExitCodes, spec));
  const conditions = r.onPodConditions ?? [];
  found.push(...atMost(`${path}.onPodConditions`, conditions, MAX_PATTERNS));
  for (const [i, c] of conditions.entries()) {
    const at = `${path}.onPodConditions[${i}]`;
    found.push(
      ...invalidFor(`${at}.type`, c.type ?? '', qualifiedName(c.type ?? '')),
      ...oneOfRequired(`${at}.status`, c.status, ['False', 'True', 'Unknown']),
    );
  }
  if (r.onExitCodes && conditions.length > 0) {
    found.push(invalid(path, r, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!r.onExitCodes && conditions.length === 0) {
    found.push(invalid(path, r, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return found;
}

/** "Pod failure policy"; `path` is that of the job's spec, as in all that follows. */
export function validateFailurePolicy(path: string, spec: JobSpec): FieldError[] {
  const at = `${path}.podFailurePolicy.rules`;
  const rules = spec.podFailurePolicy?.rules ?? [];
  return [...atMost(at, rules, MAX_RULES), ...rules.flatMap((r, i) => validateFailureRule(`${at}[${i}]`, r, spec))];
}

/**
 * How many indexes a text such as "1,3-5" names. They must ascend and be below `completions`.
 * @throws Error with what is wrong
 */
export function countListedIndexes(text: string, completions: number): number {
  let last = -1;
  let count = 0;
  const next = (part: string): number => {
    if (!/^\d+$/.test(part)) throw new Error(`cannot convert string to integer for index: "${part}"`);
    const index = Number(part);
    if (index >= completions) throw new Error(`too large index: "${part}"`);
    if (index <= last) throw new Error(`non-increasing order, previous: ${last}, current: ${index}`);
    last = index;
    return index;
  };
  for (const interval of text === '' ? [] : text.split(',')) {
    const parts = interval.split('-');
    if (parts.length > 2) {
      const why = "violates the requirement that an index interval can have at most two parts separated by '-'";
      throw new Error(`the fragment "${interval}" ${why}`);
    }
    const first = next(parts[0] ?? '');
    count += 1 + (parts[1] === undefined ? 0 : next(parts[1]) - first);
  }
  return count;
}

function validateSuccessRule(path: string, r: SuccessPolicyRule, completions: number): FieldError[] {
  const { succeededIndexes: indexes, succeededCount: count } = r;
  if (indexes === undefined && count === undefined) {
    return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')];
  }
  const found: FieldError[] = [];
  let listed = 0;
  try {
    listed = countListedIndexes(indexes ?? '', completions);
  } catch (e) {
    const why = `error parsing succeededIndexes: ${(e as Error).message}`;
    found.push(invalid(`${path}.succeededIndexes`, indexes, why));
  }
  if (count === undefined) return found;
  const at = `${path}.succeededCount`;
  found.push(...nonNegative(at, count));
  const bounds: [number, string][] = [[completions, 'the number of specified completions']];
  if (indexes !== undefined) {
    bounds.push([listed, 'the number of indexes in the specified succeededIndexes field']);
  }
  for (const [max, what] of bounds) {
    if (count > max) found.push(invalid(at, count, `must be less than or equal to ${max} (${what})`));
  }
  return found;
}

/** "Success policy". */
export function validateSuccessPolicy(path: string, spec: JobSpec): FieldError[] {
  const at = `${path}.successPolicy`;
  const { successPolicy: policy, completions = 0 } = spec;
  if (!policy) return [];
  if (spec.completionMode !== 'Indexed') return [invalid(at, policy, 'requires indexed completion mode')];
  const rules = policy.rules ?? [];
  if (rules.length === 0) {
    return [required(`${at}.rules`, 'at least one rules must be specified when the successPolicy is specified')];
  }
  return [
    ...atMost(`${at}.rules`, rules, MAX_RULES),
    ...rules.flatMap((r, i) => validateSuccessRule(`${at}.rules[${i}]`, r, completions)),
  ];
}
