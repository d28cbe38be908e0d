import { expect, test } from 'vitest';
import { created, spoiled, texts, updated } from '../../fixtures.ts';
import { goodPod } from './good-pod.ts';
import { Pods } from './pod.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';
const zone = (...values: string[]) => ({ key: 'zone', operator: 'In', values });
const disk = { key: 'disk', operator: 'Exists' };
const terms = (...list: object[]) => ({ [REQUIRED]: { nodeSelectorTerms: list } });
const near = { [REQUIRED]: [{ topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } }] };
const TERMS = `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
const FREE = {};
const HELD = {
  'spec.nodeSelector': { a: 'b' },
  'spec.affinity': { nodeAffinity: terms({ matchExpressions: [zone('x')] }), podAffinity: near },
};
const affinity = (nodeAffinity: object | undefined, podAffinity: object = near) => ({
  'spec.affinity': { ...(nodeAffinity ? { nodeAffinity } : {}), podAffinity },
});
const FIXED = /^FieldValueForbidden spec: Forbidden: pod updates may not change fields other than/;

test.each<[string, before: Record<string, unknown>, changes: Record<string, unknown>, problem?: RegExp]>([
  ['a node selector where there was none', FREE, { 'spec.nodeSelector': { a: 'b' } }],
  ['one more label', HELD, { 'spec.nodeSelector': { a: 'b', c: 'd' } }],
  ['one label less', HELD, { 'spec.nodeSelector': {} }, /^FieldValueInvalid spec\.nodeSelector: .* only additions/],
  ['another value', HELD, { 'spec.nodeSelector': { a: 'c' } }, /^FieldValueInvalid spec\.nodeSelector: /],
  ['node affinity where there was none', FREE, { 'spec.affinity': { nodeAffinity: terms({ matchFields: [] }) } }],
  ['a narrower term', HELD, affinity(terms({ matchExpressions: [disk, zone('x')] }))],
  ['preferences', HELD, affinity({ ...terms({ matchExpressions: [zone('x')] }), [PREFERRED]: [] })],
  [
    'a wider term',
    HELD,
    affinity(terms({ matchExpressions: [zone('x', 'y')] })),
    /\[0\]: .*only additions are allowed/,
  ],
  [
    'an alternative',
    HELD,
    affinity(terms({ matchExpressions: [zone('x')] }, { matchExpressions: [disk] })),
    /nodeSelectorTerms: .*no additions\/deletions to non-empty NodeSelectorTerms list are allowed/,
  ],
  ['no node affinity', HELD, affinity(undefined), /no additions\/deletions/],
  ['other pods to be near to', HELD, affinity(terms({ matchExpressions: [zone('x')] }), { [REQUIRED]: [] }), FIXED],
  ['pods to be near to where there were none', FREE, affinity(undefined, near), FIXED],
  ['another host name', FREE, { 'spec.hostname': 'x' }, FIXED],
])('a pod that is held back: %s', (_, before, changes, problem) => {
  const old = created(Pods, spoiled(goodPod, { 'spec.schedulingGates': [{ name: 'g' }], ...before })).object;
  const found = texts(updated(Pods, old, (o) => Object.assign(o, spoiled(o, changes))).problems);
  if (problem) expect(found.join('\n')).toMatch(problem);
  else expect(found).toEqual([]);
});

test('one that is not stays where it may run', () => {
  const old = created(Pods, spoiled(goodPod, HELD)).object;
  const found = texts(updated(Pods, old, (o) => Object.assign(o, spoiled(o, { 'spec.nodeSelector.c': 'd' }))).problems);
  expect(found.join('\n')).toMatch(FIXED);
  expect(found.join('\n')).not.toContain(TERMS);
});
