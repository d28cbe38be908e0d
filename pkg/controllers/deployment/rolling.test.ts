import { describe, expect, test } from 'vitest';
import { deployment, replicaSet, type SetSketch } from '../fixtures.ts';
import { rollingLimits } from './limits.ts';
import { rollingStep } from './rolling.ts';

const rolling = (replicas: number, maxSurge: number | string, maxUnavailable: number | string) =>
  deployment({ replicas, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } });

test.each([
  [10, '25%', '25%', 3, 2],
  [1, '25%', '25%', 1, 0],
  [3, '25%', '25%', 1, 0],
  [10, 0, 0, 0, 1],
  [3, '0%', '10%', 0, 1],
  [2, 0, 5, 0, 2],
  [10, '100%', 0, 10, 0],
])('limits of %i replicas, %s over, %s under: %i, %i', (replicas, surge, down, maxSurge, maxUnavailable) => {
  expect(rollingLimits(rolling(replicas, surge, down))).toEqual({ maxSurge, maxUnavailable });
});

/** [size, available] */
type Size = [number, number];
const set = (name: string, [replicas, available]: Size, age: number): SetSketch => ({ name, replicas, available, age });

describe('one step', () => {
  test.each<[string, number, number | string, number | string, Size, Size[], Record<string, number>]>([
    ['grows by the surge first', 10, 3, 0, [0, 0], [[10, 10]], { new: 3 }],
    ['grows and shrinks at once', 10, 3, 2, [0, 0], [[10, 10]], { new: 3, old0: 8 }],
    ['waits while new ones are not available', 10, 3, 2, [5, 0], [[8, 8]], {}],
    ['goes on when they are', 10, 3, 2, [5, 3], [[8, 8]], { old0: 5 }],
    ['only shrinks without surge', 3, 0, 1, [0, 0], [[3, 3]], { old0: 2 }],
    ['then grows into the gap', 3, 0, 1, [0, 0], [[2, 2]], { new: 1 }],
    ['removes unhealthy old pods though availability is short', 3, 1, 1, [1, 0], [[3, 1]], { old0: 2 }],
    [
      'oldest set first',
      4,
      1,
      0,
      [2, 2],
      [
        [1, 1],
        [2, 2],
      ],
      { old0: 0 },
    ],
    ['nothing when complete', 3, 1, 0, [3, 3], [[0, 0]], {}],
    ['a set too large shrinks', 3, 1, 0, [5, 5], [], { new: 3 }],
    ['to zero', 0, 1, 0, [2, 2], [[1, 1]], { new: 0, old0: 0 }],
    ['a stale status of an old set frees nothing', 10, 3, 2, [3, 0], [[8, 10]], { new: 5 }],
  ])('%s', (_why, replicas, surge, down, [size, available], old, want) => {
    const current = replicaSet(set('new', [size, available], 1));
    const olds = old.map((o, i) => replicaSet(set(`old${i}`, o, 100 - i)));
    const steps = rollingStep(rolling(replicas, surge, down), current, olds);
    expect(Object.fromEntries(steps.map((s) => [s.rs.metadata.name, s.to]))).toEqual(want);
  });
});

test('a whole rollout keeps both limits at every step and ends', () => {
  const d = rolling(7, 2, 1);
  // Sizes and available pods; each round the step is taken and new pods become available one by one.
  let current = { replicas: 0, available: 0 };
  let old = { replicas: 7, available: 7 };
  for (let round = 0; round < 50; round++) {
    const now = replicaSet({ name: 'new', ...current, age: 1 });
    const before = replicaSet({ name: 'old', ...old, age: 9 });
    for (const s of rollingStep(d, now, [before])) {
      if (s.rs === now) current = { ...current, replicas: s.to };
      else old = { replicas: s.to, available: Math.min(old.available, s.to) };
    }
    expect(current.replicas + old.replicas).toBeLessThanOrEqual(9);
    expect(current.available + old.available).toBeGreaterThanOrEqual(6);
    if (current.available < current.replicas) current = { ...current, available: current.available + 1 };
  }
  expect([current, old]).toEqual([
    { replicas: 7, available: 7 },
    { replicas: 0, available: 0 },
  ]);
});
