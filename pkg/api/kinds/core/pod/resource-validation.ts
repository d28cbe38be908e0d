import { duplicate, type FieldError, forbidden, invalid, required } from '../../../meta/fielderrors.ts';
import { qualifiedName } from '../../../meta/names.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import { invalidFor, NEGATIVE, oneOfRequired } from '../../check/check.ts';
import type { Container } from './container.ts';
import type { ResourceRequirements } from './resources.ts';

type Amounts = Readonly<Record<string, string>>;

const STANDARD = new Set(['cpu', 'memory', 'ephemeral-storage']);
const HUGE_PAGES = 'hugepages-';
const MAY_NOT_EXCEED_ONLY = (name: string): boolean => STANDARD.has(name);

/** Resources of which nodes may promise more than they have. */
export const isOvercommitable = (name: string): boolean => !isExtended(name) && !name.startsWith(HUGE_PAGES);

/** Integer resources: devices and the like cannot be split. */
const isExtended = (name: string): boolean => name.includes('/') && !name.includes('kubernetes.io/');

/** The name of what containers, pods or (`others`) claims can ask for. */
export function validateResourceName(path: string, name: string, others: readonly string[] = []): FieldError[] {
  const found = invalidFor(path, name, qualifiedName(name));
  if (found.length > 0) return found;
  if (!name.includes('/') && !STANDARD.has(name) && !name.startsWith(HUGE_PAGES) && !others.includes(name)) {
    return [invalid(path, name, 'must be a standard resource type or fully qualified')];
  }
  return [];
}

/** The amounts at `path`, such as `spec.containers[0].resources.limits`. */
export function validateAmounts(path: string, amounts: Amounts | undefined): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    const found = validateResourceName(at, name);
    if (compareQuantities(amount, '0') < 0) found.push(invalid(at, amount, NEGATIVE));
    else if (isExtended(name) && /[munµ.]/.test(amount)) found.push(invalid(at, amount, 'must be an integer'));
    return found;
  });
}

function validateRequest(path: string, name: string, request: string, limits: Amounts): FieldError[] {
  const limit = limits[name];
  if (limit === undefined) {
    return MAY_NOT_EXCEED_ONLY(name)
      ? []
      : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  }
  if (!MAY_NOT_EXCEED_ONLY(name) && compareQuantities(request, limit) !== 0) {
    return [invalid(`${path}.requests`, request, `must be equal to ${name} limit of ${limit}`)];
  }
  return compareQuantities(request, limit) > 0
    ? [invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`)]
    : [];
}

/** Requests and limits of a container or of a whole pod. */
export function validateResources(path: string, r: ResourceRequirements | undefined): FieldError[] {
  if (!r) return [];
  const limits = r.limits ?? {};
  const found = [...validateAmounts(`${path}.limits`, limits), ...validateAmounts(`${path}.requests`, r.requests)];
  for (const [name, request] of Object.entries(r.requests ?? {})) {
    found.push(...validateRequest(path, name, request, limits));
  }
  const names = new Set([...Object.keys(limits), ...Object.keys(r.requests ?? {})]);
  const huge = [...names].some((n) => n.startsWith(HUGE_PAGES));
  if (huge && !names.has('cpu') && !names.has('memory')) {
    found.push(forbidden(path, 'HugePages require cpu or memory'));
  }
  return found;
}

/** What a change of resources does to a container; what is never restarted cannot be restarted for it. */
export function validateResizePolicies(path: string, c: Container, podRestart: string | undefined): FieldError[] {
  const names = new Set<string>();
  return (c.resizePolicy ?? []).flatMap(({ resourceName, restartPolicy }, i) => {
    const found: FieldError[] = [];
    if (names.has(resourceName)) found.push(duplicate(`${path}[${i}]`, resourceName));
    names.add(resourceName);
    found.push(
      ...oneOfRequired(path, resourceName, ['cpu', 'memory']),
      ...oneOfRequired(path, restartPolicy, ['NotRequired', 'RestartContainer']),
    );
    if (podRestart === 'Never' && restartPolicy !== 'NotRequired') {
      found.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    }
    return found;
  });
}
