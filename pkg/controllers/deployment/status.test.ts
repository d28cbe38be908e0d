import { describe, expect, test } from 'vitest';
import type { Deployment } from '#api/kinds/index.ts';
import { ago, deployment, NOW, replicaSet } from '../fixtures.ts';
import { conditionOf } from './conditions.ts';
import { overdueIn, type Rollout, statusOf } from './status.ts';

type Status = NonNullable<Deployment['status']>;
const progressing = (reason: string, secondsAgo: number, status = 'True', message = 'old words') => ({
  type: 'Progressing',
  status,
  reason,
  message,
  lastUpdateTime: ago(secondsAgo),
  lastTransitionTime: ago(secondsAgo),
});
const d = (old: Status = {}, more: object = {}) =>
  deployment({ replicas: 3, progressDeadlineSeconds: 60, strategy: { type: 'RollingUpdate' }, ...more }, old);
const rollout = (r: Partial<Rollout> = {}): Rollout => ({
  current: replicaSet({ name: 'new', replicas: 3, available: 1 }),
  old: [replicaSet({ name: 'old', replicas: 2, available: 2 })],
  now: NOW,
  ...r,
});

test('counts over all sets', () => {
  const s = statusOf(d(), rollout());
  expect(s).toMatchObject({
    observedGeneration: 2,
    replicas: 5,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    unavailableReplicas: 2,
  });
  expect(conditionOf(s, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
});

describe('Progressing', () => {
  const same: Status = { replicas: 5, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
  const stuck = (reason: string, seconds: number, status?: string) =>
    d({ ...same, conditions: [progressing(reason, seconds, status) as never] });
  const done = { current: replicaSet({ name: 'new', replicas: 3 }), old: [] };

  test.each<[string, ReturnType<typeof d>, Partial<Rollout>, string, string]>([
    ['a new set', d(), { started: 'NewReplicaSetCreated' }, 'NewReplicaSetCreated', 'True'],
    ['first seen in the middle', d(), {}, 'FoundNewReplicaSet', 'True'],
    ['more replicas than before', stuckLike(same, 'ReplicaSetUpdated'), {}, 'ReplicaSetUpdated', 'True'],
    ['no progress, in time', stuck('ReplicaSetUpdated', 59), {}, 'ReplicaSetUpdated', 'True'],
    ['no progress, too late', stuck('ReplicaSetUpdated', 61), {}, 'ProgressDeadlineExceeded', 'False'],
    ['a late rollout that moves again', stuckLike(same, 'ProgressDeadlineExceeded'), {}, 'ReplicaSetUpdated', 'True'],
    [
      'undo of a late rollout starts anew',
      stuck('ProgressDeadlineExceeded', 100, 'False'),
      { started: 'FoundNewReplicaSet' },
      'FoundNewReplicaSet',
      'True',
    ],
    ['complete', stuck('ReplicaSetUpdated', 61), done, 'NewReplicaSetAvailable', 'True'],
    [
      'complete after being late',
      stuck('ProgressDeadlineExceeded', 61, 'False'),
      done,
      'NewReplicaSetAvailable',
      'True',
    ],
    [
      'cannot create',
      stuck('ReplicaSetUpdated', 1),
      { current: undefined, failure: 'no' },
      'ReplicaSetCreateError',
      'False',
    ],
  ])('%s', (_why, before, r, reason, status) => {
    expect(conditionOf(statusOf(before, rollout(r)), 'Progressing')).toMatchObject({ reason, status });
  });

  test('a complete rollout that loses pods is not late', () => {
    const before = d({
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      conditions: [progressing('NewReplicaSetAvailable', 9999) as never],
    });
    const after = statusOf(
      before,
      rollout({ current: replicaSet({ name: 'new', replicas: 3, available: 0 }), old: [] }),
    );
    expect(conditionOf(after, 'Progressing')).toMatchObject({ reason: 'NewReplicaSetAvailable', status: 'True' });
    expect(conditionOf(after, 'Available')).toMatchObject({ status: 'False' });
  });

  test('paused and resumed', () => {
    const paused = statusOf(
      d({ ...same, conditions: [progressing('ReplicaSetUpdated', 5) as never] }, { paused: true }),
      rollout(),
    );
    expect(conditionOf(paused, 'Progressing')).toMatchObject({ reason: 'DeploymentPaused', status: 'Unknown' });
    expect(conditionOf(statusOf(d(paused), rollout()), 'Progressing')).toMatchObject({ reason: 'DeploymentResumed' });
  });

  test('without a deadline there is no such condition', () => {
    const without = d(
      { conditions: [progressing('ReplicaSetUpdated', 5) as never] },
      { progressDeadlineSeconds: 2 ** 31 - 1 },
    );
    expect(conditionOf(statusOf(without, rollout()), 'Progressing')).toBeUndefined();
  });

  test('nothing changes while nothing happens', () => {
    const before = stuck('ReplicaSetUpdated', 30);
    const once = statusOf(before, rollout());
    expect(statusOf({ ...before, status: once }, rollout({ now: NOW + 5000 }))).toEqual(once);
  });

  test('is looked at again when the deadline passes', () => {
    const s = statusOf(stuck('ReplicaSetUpdated', 20), rollout());
    expect(overdueIn(d(s), s, NOW)).toBe(41_000);
    const complete = statusOf(stuck('ReplicaSetUpdated', 20), rollout(done));
    expect(overdueIn(d(complete), complete, NOW)).toBeUndefined();
  });
});

/** As `same`, but with one available replica fewer: the next status shows progress. */
function stuckLike(same: Status, reason: string) {
  return d({ ...same, availableReplicas: 2, conditions: [progressing(reason, 100, 'False') as never] });
}
