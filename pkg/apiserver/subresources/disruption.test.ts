import { describe, expect, test } from 'vitest';
import type { Pod, PodDisruptionBudget } from '#api/kinds/index.ts';
import type { StatusError } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { mayGoUncounted, spend } from './disruption.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const condition = { type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods', lastTransitionTime: 'before' };
const budget = (status: object = {}, spec: object = {}): Stored<PodDisruptionBudget> =>
  ({
    metadata: { name: 'b', namespace: 'ns', generation: 2 },
    spec,
    status: {
      observedGeneration: 2,
      disruptionsAllowed: 1,
      currentHealthy: 3,
      desiredHealthy: 2,
      conditions: [condition],
      ...status,
    },
  }) as unknown as Stored<PodDisruptionBudget>;
const ref = { group: 'policy', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget' };
const pod = (ready: boolean): Pod =>
  ({ status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] } }) as Pod;

test('an eviction takes one, and the last one says so', () => {
  const two = spend(budget({ disruptionsAllowed: 2 }), 'p', { ref, now: NOW });
  expect(two.status).toMatchObject({
    disruptionsAllowed: 1,
    disruptedPods: { p: '2026-01-01T12:00:00Z' },
    conditions: [condition],
  });
  const last = spend(budget({ disruptedPods: { q: 'then' } }), 'p', { ref, now: NOW });
  expect(last.status).toMatchObject({
    disruptionsAllowed: 0,
    disruptedPods: { q: 'then', p: '2026-01-01T12:00:00Z' },
    conditions: [{ status: 'False', reason: 'InsufficientPods', lastTransitionTime: '2026-01-01T12:00:00Z' }],
  });
});

test.each<[object, number, string, number | undefined]>([
  [
    { disruptionsAllowed: 0, currentHealthy: 2 },
    429,
    'The disruption budget b needs 2 healthy pods and has 2 currently',
    undefined,
  ],
  [{ observedGeneration: 1 }, 429, 'The disruption budget b is still being processed by the server.', 10],
  [
    { disruptionsAllowed: 0, conditions: [{ type: 'DisruptionAllowed', reason: 'SyncFailed', message: 'no scale' }] },
    429,
    'The disruption budget b does not allow evicting pods currently because it failed sync: no scale',
    undefined,
  ],
  [{ disruptionsAllowed: -1 }, 403, '', undefined],
])('%j: %d %s', (status, code, why, retryAfter) => {
  let refused: StatusError | undefined;
  try {
    spend(budget(status), 'p', { ref, now: NOW });
  } catch (e) {
    refused = e as StatusError;
  }
  expect(refused?.code).toBe(code);
  if (code !== 429) return;
  expect(refused?.status).toMatchObject({
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: { causes: [{ reason: 'DisruptionBudget', message: why }] },
  });
  expect(refused?.status.details?.retryAfterSeconds).toBe(retryAfter);
});

describe('pods that are not ready', () => {
  test.each<[string, PodDisruptionBudget, boolean, boolean]>([
    ['ready', budget(), true, false],
    ['the budget is met', budget(), false, true],
    ['the budget is not met', budget({ currentHealthy: 1 }), false, false],
    ['nothing is needed', budget({ desiredHealthy: 0 }), false, false],
    ['always', budget({ currentHealthy: 1 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' }), false, true],
  ])('%s', (_, b, ready, want) => {
    expect(mayGoUncounted(b, pod(ready))).toBe(want);
  });
});
