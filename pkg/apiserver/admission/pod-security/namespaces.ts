import { type Pod, Pods } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { type FieldError, invalid } from '#api/meta/fielderrors.ts';
import type { Lookup } from '../lookup.ts';
import type { Attributes } from '../types.ts';
import { subjectOf } from './checks.ts';
import { LABEL, LEVELS, nameOf, standardOf, violations } from './standards.ts';

type Labels = Readonly<Record<string, string>>;

const MODES = ['enforce', 'audit', 'warn'];
const VERSION = /^(latest|v1\.(0|[1-9]\d*))$/;
/** Of one namespace that are looked at when its standard changes. */
const MAX_PODS = 3000;

/** Labels of a namespace that name no standard there is. */
export function labelProblems(labels: Labels): FieldError[] {
  const found: FieldError[] = [];
  const check = (key: string, isGood: (value: string) => boolean, detail: string): void => {
    const value = labels[key];
    if (value !== undefined && !isGood(value)) found.push(invalid(`metadata.labels[${key}]`, value, detail));
  };
  for (const mode of MODES) {
    check(LABEL + mode, (v) => LEVELS.includes(v), `must be one of ${LEVELS.join(', ')}`);
    check(`${LABEL}${mode}-version`, (v) => VERSION.test(v), 'must be "latest" or "v1.x"');
  }
  return found;
}

/** What pods that run already would be refused for by what is enforced from now on: a headline, then pods by their reasons. */
export function podWarnings(namespace: string, labels: Labels, pods: readonly Pod[]): string[] {
  const standard = standardOf(labels, 'enforce');
  const byReasons = new Map<string, string[]>();
  for (const pod of pods.slice(0, MAX_PODS)) {
    const subject = subjectOf(pod);
    const reasons = subject ? violations(standard, subject).map((v) => v.split(' (')[0]) : [];
    if (reasons.length === 0) continue;
    const key = reasons.join(', ');
    byReasons.set(key, [...(byReasons.get(key) ?? []), pod.metadata?.name ?? '']);
  }
  if (byReasons.size === 0) return [];
  const others = (n: number): string => (n > 0 ? ` (and ${n} other pod${n > 1 ? 's' : ''})` : '');
  const each = [...byReasons].map(([reasons, names]) => `${names[0]}${others(names.length - 1)}: ${reasons}`);
  const head = `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${nameOf(standard)}"`;
  return [head, ...each.sort()];
}

/** Is something enforced from now on that pods which run already may not fulfil? */
export function isStricter(labels: Labels, old: Labels): boolean {
  const [now, before] = [standardOf(labels, 'enforce'), standardOf(old, 'enforce')];
  if (now.version !== before.version) return now.level !== 'privileged';
  return LEVELS.indexOf(now.level) > LEVELS.indexOf(before.level);
}

/** A namespace is made or changed: its labels must make sense, and warn of pods that they would refuse. @throws StatusError 422 */
export function validateNamespace({ object, oldObject, name, resource, warnings }: Attributes, lookup: Lookup): void {
  const labels = object?.metadata?.labels ?? {};
  const old = oldObject?.metadata.labels ?? {};
  const known = oldObject ? labelProblems(old) : [];
  const problems = labelProblems(labels);
  // Who changes something else need not mend what was wrong before.
  if (problems.length > 0 && JSON.stringify(problems) !== JSON.stringify(known))
    throw errors.invalid(resource.ref, name, problems);
  if (oldObject && isStricter(labels, old)) warnings.push(...podWarnings(name, labels, lookup.list(Pods, name)));
}
