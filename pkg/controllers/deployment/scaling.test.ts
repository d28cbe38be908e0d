import { expect, test } from 'vitest';
import { deployment, replicaSet } from '../fixtures.ts';
import { isScaling, scaleStep } from './scaling.ts';

const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';
const set = (name: string, replicas: number, more: { age: number; of?: number; max?: number; available?: number }) =>
  replicaSet({
    name,
    replicas,
    age: more.age,
    available: more.available ?? replicas,
    annotations: { [DESIRED]: String(more.of ?? 10), [MAX]: String(more.max ?? 13) },
  });
const d = (replicas: number, type: 'RollingUpdate' | 'Recreate' = 'RollingUpdate', maxSurge = 3) =>
  deployment({
    replicas,
    strategy: type === 'Recreate' ? { type } : { type, rollingUpdate: { maxSurge, maxUnavailable: 2 } },
  });
const sizes = (steps: ReturnType<typeof scaleStep>) => Object.fromEntries(steps.map((s) => [s.rs.metadata.name, s.to]));

test('is scaling when an active set was sized for another number', () => {
  expect(isScaling(d(10), [set('a', 3, { age: 1 })])).toBe(false);
  expect(isScaling(d(11), [set('a', 3, { age: 1 })])).toBe(true);
  expect(isScaling(d(11), [set('a', 0, { age: 1 })])).toBe(false);
});

test('the only active set takes it all', () => {
  const current = set('new', 0, { age: 1 });
  expect(sizes(scaleStep(d(20), current, [set('old', 10, { age: 9 })]))).toEqual({ old: 20 });
  expect(sizes(scaleStep(d(20), current, []))).toEqual({ new: 20 });
  expect(sizes(scaleStep(d(20), undefined, [set('b', 0, { age: 1 }), set('a', 0, { age: 9 })]))).toEqual({ b: 20 });
  expect(sizes(scaleStep(d(10), set('new', 10, { age: 1 }), []))).toEqual({});
});

test('a complete new set ends the old ones', () => {
  const current = set('new', 5, { age: 1, of: 5 });
  expect(sizes(scaleStep(d(5), current, [set('old', 2, { age: 9 })]))).toEqual({ old: 0 });
});

test.each([
  // 8 + 5 = 13 = 10 + 3: growing to 15 + 3 = 18 adds five.
  ['grows in proportion', 15, 5, 8, { new: 7, old: 11 }],
  ['shrinks in proportion', 5, 5, 8, { new: 3, old: 5 }],
  ['to nothing', 0, 5, 8, { new: 0, old: 0 }],
])('in the middle of a rollout it %s', (_why, replicas, size, oldSize, want) => {
  const current = set('new', size, { age: 1 });
  const result = sizes(scaleStep(d(replicas), current, [set('old', oldSize, { age: 9 })]));
  expect(result).toEqual(want);
});

test('what rounding leaves goes to the largest, and the sum is exact', () => {
  const olds = [set('a', 3, { age: 30 }), set('b', 3, { age: 20 })];
  const result = sizes(scaleStep(d(11), set('new', 7, { age: 1 }), olds));
  expect(Object.values(result).reduce((n, s) => n + s, 0)).toBe(14);
});

test('Recreate is not spread', () => {
  expect(scaleStep(d(20, 'Recreate'), set('new', 5, { age: 1 }), [set('old', 8, { age: 9 })])).toEqual([]);
});
