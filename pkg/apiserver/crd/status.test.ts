import { expect, test } from 'vitest';
import type { CustomResourceDefinition } from '#api/kinds/index.ts';
import { desiredStatus, takenBy } from './status.ts';

const MADE = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';
const CONFORMANT = 'KubernetesAPIApprovalPolicyConformant';

function definition(group: string, approval?: string): CustomResourceDefinition {
  const annotations: Record<string, string> = approval === undefined ? {} : { 'api-approved.kubernetes.io': approval };
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  return { metadata: { name: `things.${group}`, annotations }, spec: { group, scope: 'Cluster', names, versions: [] } };
}

const conditionOf = (crd: CustomResourceDefinition, now: string) =>
  desiredStatus(crd, takenBy([]), now).conditions?.find((c) => c.type === CONFORMANT);

test.each<[string, string | undefined, string, string, string]>([
  [
    'x.k8s.io',
    'https://github.com/kubernetes/enhancements/pull/1',
    'True',
    'ApprovedAnnotation',
    'approved in https://github.com/kubernetes/enhancements/pull/1',
  ],
  ['kubernetes.io', 'unapproved, a try', 'False', 'UnapprovedAnnotation', 'not approved: "unapproved, a try"'],
  // What was there before anybody asked.
  [
    'x.kubernetes.io',
    undefined,
    'False',
    'MissingAnnotation',
    'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
  ],
  [
    'x.k8s.io',
    'because',
    'False',
    'InvalidAnnotation',
    'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
  ],
])('a definition in %s with the approval %s conforms: %s', (group, approval, status, reason, message) => {
  const condition = conditionOf(definition(group, approval), MADE);
  expect(condition).toEqual({ type: CONFORMANT, status, reason, message, lastTransitionTime: MADE });
});

test('a definition of another group says nothing of it', () => {
  expect(conditionOf(definition('k8s.example'), MADE)).toBeUndefined();
});

test('an approval that comes later counts from then on', () => {
  const before = definition('x.k8s.io', 'unapproved');
  before.status = desiredStatus(before, takenBy([]), MADE);
  expect(desiredStatus(before, takenBy([]), LATER)).toBe(before.status);
  const approved = { ...definition('x.k8s.io', 'https://example.com/1'), status: before.status };
  expect(conditionOf(approved, LATER)).toMatchObject({ status: 'True', lastTransitionTime: LATER });
});
