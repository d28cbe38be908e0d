import { expect, test } from 'vitest';
import type { Affinity } from './affinity.ts';
import { mergeLabelKeys } from './label-keys.ts';

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
