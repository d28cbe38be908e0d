import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, NOW, pod, replicaSet } from '../fixtures.ts';
import { statusOf } from './status.ts';

const rs = (minReadySeconds = 0, status: object = {}): Stored<ReplicaSet> => {
  const base = replicaSet({ replicas: 3 });
  return { ...base, spec: { ...base.spec, minReadySeconds }, status } as Stored<ReplicaSet>;
};
const labels = { app: 'a', 'pod-template-hash': 'x' };

test('counts pods by label, readiness and availability', () => {
  const active = [pod({ labels, ready: 10 }), pod({ labels }), pod({ labels: { app: 'a' }, ready: 3 })];
  expect(statusOf(rs(5), { active, failure: undefined, now: NOW })).toEqual({
    status: { replicas: 3, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 1, observedGeneration: 1 },
    changesIn: 2000,
  });
});

test('without minReadySeconds a ready pod is available and time changes nothing', () => {
  const result = statusOf(rs(), { active: [pod({ labels, ready: 0 })], failure: undefined, now: NOW });
  expect(result).toEqual({
    status: { replicas: 1, fullyLabeledReplicas: 1, readyReplicas: 1, availableReplicas: 1, observedGeneration: 1 },
  });
});

describe('ReplicaFailure', () => {
  const failure = { reason: 'FailedCreate' as const, message: 'quota' };
  const old = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: 'FailedCreate',
    message: 'x',
    lastTransitionTime: ago(60),
  };
  test('appears, stays as it is while it lasts, and goes', () => {
    const fresh = statusOf(rs(), { active: [], failure, now: NOW }).status.conditions;
    expect(fresh).toEqual([{ type: 'ReplicaFailure', status: 'True', lastTransitionTime: ago(0), ...failure }]);
    const lasting = statusOf(rs(0, { conditions: [old] }), { active: [], failure, now: NOW }).status.conditions;
    expect(lasting).toEqual([old]);
    const over = statusOf(rs(0, { conditions: [old] }), { active: [], failure: undefined, now: NOW }).status;
    expect(over.conditions).toBeUndefined();
  });
});
