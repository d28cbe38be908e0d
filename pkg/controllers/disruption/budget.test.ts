import { expect, test } from 'vitest';
import type { PodDisruptionBudget } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, NOW, pod } from '../fixtures.ts';
import { needsControllers, statusOf } from './budget.ts';

const budget = (spec: object, status: object = {}): Stored<PodDisruptionBudget> =>
  ({ metadata: { namespace: 'ns', name: 'b', generation: 1 }, spec, status }) as unknown as Stored<PodDisruptionBudget>;
/** "+" ready, "-" not, "d" ending. */
const pods = (text: string) =>
  [...text].map((c, i) => pod({ name: `p${i}`, ...(c === '-' ? {} : { ready: 9 }), deleting: c === 'd' }));

test.each<[object, string, number, [allowed: number, healthy: number, desired: number, expected: number]]>([
  [{ minAvailable: 2 }, '+++', 0, [1, 3, 2, 3]],
  [{ minAvailable: 2 }, '+-+', 0, [0, 2, 2, 3]],
  [{ minAvailable: 2 }, '++d', 0, [0, 2, 2, 3]],
  [{ minAvailable: 5 }, '+', 0, [0, 1, 5, 1]],
  [{ minAvailable: '50%' }, '+++', 5, [0, 3, 3, 5]],
  [{ minAvailable: '100%' }, '+++', 3, [0, 3, 3, 3]],
  [{ maxUnavailable: 1 }, '+++', 3, [1, 3, 2, 3]],
  [{ maxUnavailable: 1 }, '+++', 4, [0, 3, 3, 4]],
  [{ maxUnavailable: '30%' }, '++++', 4, [2, 4, 2, 4]],
  [{ maxUnavailable: 9 }, '++', 2, [2, 2, 0, 2]],
  [{ minAvailable: 0 }, '', 0, [0, 0, 0, 0]],
])('%j with %s of %d', (spec, text, expectedByControllers, [allowed, healthy, desired, expected]) => {
  const { status } = statusOf({ budget: budget(spec), pods: pods(text), expectedByControllers, now: NOW });
  expect(status).toMatchObject({
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: [
      { status: allowed > 0 ? 'True' : 'False', reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods' },
    ],
  });
});

test('an evicted pod counts as gone until it is, or for two minutes', () => {
  const disruptedPods = { p0: ago(10), p1: ago(121), p2: ago(5), gone: ago(30) };
  const { status, overdue, checkInMs } = statusOf({
    budget: budget({ minAvailable: 1 }, { disruptedPods }),
    pods: pods('++d+'),
    expectedByControllers: 0,
    now: NOW,
  });
  expect(status).toMatchObject({ disruptedPods: { p0: ago(10) }, currentHealthy: 2, disruptionsAllowed: 1 });
  expect([overdue.map((p) => p.metadata.name), checkInMs]).toEqual([['p1'], 110_000]);
});

test('one evicted before the cache knew it does not count when it shows up; the next of its name does', () => {
  const see = (names: string, disruptedPods: object, later = 0) =>
    statusOf({
      budget: budget({ minAvailable: 1 }, { disruptedPods }),
      pods: pods(names),
      expectedByControllers: 0,
      now: NOW + later,
    }).status;
  const before = see('++', { p2: ago(5) });
  expect(before).toMatchObject({ disruptedPods: { p2: ago(5) }, currentHealthy: 2, disruptionsAllowed: 1 });
  expect(see('+++', before.disruptedPods ?? {})).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
  expect(see('++', { p2: ago(5) }, 16_000).disruptedPods).toBeUndefined();
  const created = pods('++').map((p) => ({ ...p, metadata: { ...p.metadata, creationTimestamp: ago(1) } }));
  const scene = { budget: budget({ minAvailable: 1 }, { disruptedPods: { p1: ago(5) } }), pods: created, now: NOW };
  expect(statusOf({ ...scene, expectedByControllers: 0 }).status).toMatchObject({ currentHealthy: 2 });
  const ending = pods('++').map((p) => ({ ...p, metadata: { ...p.metadata, deletionTimestamp: ago(7) } }));
  const stale = { budget: budget({ minAvailable: 1 }, { disruptedPods: { p1: ago(5) } }), pods: ending, now: NOW };
  expect(statusOf({ ...stale, expectedByControllers: 0 }).status.disruptedPods).toEqual({ p1: ago(5) });
  const unsure = (at: number) => {
    const same = pods('++').map((p) => ({ ...p, metadata: { ...p.metadata, creationTimestamp: ago(at) } }));
    const { status, overdue } = statusOf({
      ...{ budget: budget({ minAvailable: 1 }, { disruptedPods: { p1: ago(at) } }), pods: same, now: NOW },
      expectedByControllers: 0,
    });
    return [status.currentHealthy, overdue.length];
  };
  expect([unsure(5), unsure(21)]).toEqual([
    [1, 0],
    [2, 0],
  ]);
});

test.each([
  [{ minAvailable: 1 }, false],
  [{ minAvailable: '10%' }, true],
  [{ maxUnavailable: 1 }, true],
])('%j asks the controllers: %s', (spec, want) => {
  expect(needsControllers(budget(spec))).toBe(want);
});
