import { describe, expect, test } from 'vitest';
import type { Affinity } from './affinity.ts';
import { mergeLabelKeys } from './label-keys.ts';
import { validateScheduling } from './scheduling-validation.ts';
import type { PodSpec } from './spec.ts';

const term = (more: object) => ({
  topologyKey: 'host',
  matchLabelKeys: ['rev'],
  mismatchLabelKeys: ['tenant'],
  ...more,
});
const selector = () => ({ matchLabels: { app: 'web' } });
const merged = {
  matchLabels: { app: 'web' },
  matchExpressions: [
    { key: 'rev', operator: 'In', values: ['2'] },
    { key: 'tenant', operator: 'NotIn', values: ['x'] },
  ],
};

test('every kind of term learns what the labels of the pod are', () => {
  const half = () => ({
    requiredDuringSchedulingIgnoredDuringExecution: [term({ labelSelector: selector() })],
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 1, podAffinityTerm: term({ labelSelector: selector() }) },
    ],
  });
  const affinity: Affinity = { podAffinity: half(), podAntiAffinity: half() };
  mergeLabelKeys(affinity, { rev: '2', tenant: 'x' });
  for (const a of [affinity.podAffinity, affinity.podAntiAffinity]) {
    expect(a?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector).toEqual(merged);
    expect(a?.preferredDuringSchedulingIgnoredDuringExecution?.[0]?.podAffinityTerm.labelSelector).toEqual(merged);
  }
});

test.each([
  ['no label of that name', { labelSelector: selector() }, {}, selector()],
  ['no selector', {}, { rev: '2' }, undefined],
  [
    'expressions of the user stay before it',
    { labelSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
    { rev: '2' },
    {
      matchExpressions: [
        { key: 'a', operator: 'Exists' },
        { key: 'rev', operator: 'In', values: ['2'] },
      ],
    },
  ],
])('%s', (_, more, labels, wanted) => {
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(more)] } } as Affinity;
  mergeLabelKeys(affinity, labels);
  expect(affinity.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector).toEqual(wanted);
});

describe('a key that the selector has too is refused', () => {
  const TWICE = 'exists in both matchLabelKeys and labelSelector';
  const problems = (spec: object) => validateScheduling('spec', spec as PodSpec);

  test('in a term, where it may be once by merging', () => {
    const matchExpressions = ['a', 'b'].map((key) => ({ key, operator: 'In', values: ['merged'] }));
    const labelSelector = { matchLabels: { b: 'x' }, matchExpressions };
    const terms = [{ topologyKey: 'z', labelSelector, matchLabelKeys: ['a', 'b'] }];
    const field = 'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0][1]';
    expect(
      problems({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } }),
    ).toEqual([{ type: 'FieldValueInvalid', field, message: `Invalid value: "b": ${TWICE}` }]);
  });

  test('in a spread constraint, where the scheduler merges', () => {
    const constraint = {
      ...{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: ['a', 'b'] },
      labelSelector: { matchExpressions: [{ key: 'b', operator: 'Exists' }] },
    };
    const field = 'spec.topologySpreadConstraints[0].matchLabelKeys[1]';
    expect(problems({ topologySpreadConstraints: [constraint] })).toEqual([
      { type: 'FieldValueInvalid', field, message: `Invalid value: "b": ${TWICE}` },
    ]);
  });
});
