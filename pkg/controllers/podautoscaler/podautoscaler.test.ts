import { describe, expect, test } from 'vitest';
import type { HorizontalPodAutoscaler, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, NOW, type PodSketch, pod } from '../fixtures.ts';
import { bounded, type Memory, outOfBounds } from './behavior.ts';
import { adviseByAverage, adviseByPods, adviseByUsage, adviseByValue, type PodMetric } from './replicas.ts';

const member = (name: string, s: PodSketch = {}, cpu: string | undefined = '100m'): Stored<Pod> => {
  const p = structuredClone(pod({ name, ready: 100, ...s }));
  if (p.spec?.containers?.[0] && cpu) p.spec.containers[0].resources = { requests: { cpu } };
  Object.assign(p.status ?? {}, { startTime: ago(s.age ?? 110) });
  return p;
};
/** Not ready, since so many seconds. */
const unready = (name: string, since: number, age: number): Stored<Pod> => {
  const p = member(name, { age });
  const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: ago(since) }];
  return { ...p, status: { ...p.status, conditions } } as Stored<Pod>;
};
const caution = { tolerance: 0.1, initialReadinessMs: 30_000, cpuInitializationMs: 300_000 };
const half: PodMetric = { resource: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } };
/** Pods by what they use in thousandths; undefined: nobody knows. */
const ask = (metric: PodMetric, used: (number | undefined)[], more: Stored<Pod>[] = []) => {
  const pods = used.map((_, i) => member(`p${i}`));
  const usage = new Map(
    used.flatMap((n, i) => (n === undefined ? [] : [[`p${i}`, { c: { cpu: `${n}m` }, x: { cpu: '1m' } }] as const])),
  );
  const group = { pods: [...pods, ...more], current: used.length + more.length, now: NOW, caution };
  return adviseByUsage(metric, usage, group);
};

describe('the number of replicas', () => {
  const value: PodMetric = { resource: 'cpu', target: { type: 'AverageValue', averageValue: '30m' } };
  test.each<[string, () => ReturnType<typeof ask>, object]>([
    ['doubles', () => ask(half, [99, 99]), { replicas: 4, utilization: 100 }],
    ['halves', () => ask(half, [24, 24, 24, 24]), { replicas: 2, utilization: 25 }],
    ['stays near the target', () => ask(half, [54, 54]), { replicas: 2 }],
    ['by value', () => ask(value, [59, 59]), { replicas: 4, averageMilli: 60 }],
    ['of one container', () => ask({ ...value, container: 'x' }, [59, 59]), { replicas: 1 }],
    ['missing ones are idle going up', () => ask(half, [99, undefined]), { replicas: 2 }],
    ['… so that hardly more is needed', () => ask(half, [105, undefined]), { replicas: 2 }],
    ['… and busy going down', () => ask(half, [9, 9, undefined]), { replicas: 2 }],
    ['a pod that starts does not count', () => ask(half, [99, 99], [member('new', { ready: 5 })]), { replicas: 4 }],
    ['nor one that ends', () => ask(half, [99], [member('old', { deleting: true })]), { replicas: 2 }],
  ])('%s', (_, get, want) => {
    expect(get()).toMatchObject(want);
  });

  test('of one container, by its own requests', () => {
    const p = member('p0');
    p.spec?.containers?.push({ name: 'x', resources: { requests: { cpu: '10m' } } });
    const usage = new Map([['p0', { c: { cpu: '1m' }, x: { cpu: '10m' } }]]);
    const group = { pods: [p], current: 1, now: NOW, caution };
    expect(adviseByUsage({ ...half, container: 'x' }, usage, group)).toMatchObject({ replicas: 2, utilization: 100 });
  });

  // Beside two that use what they shall, a third one uses three times as much.
  test.each<[string, Stored<Pod>, number]>([
    ['that starts, and is ready for a while', member('p2', { ready: 40, age: 60 }), 5],
    ['that starts, and is ready just now', member('p2', { ready: 5, age: 60 }), 3],
    ['that starts, and is not ready', unready('p2', 50, 60), 3],
    ['that may start no more, and was ready', unready('p2', 5, 600), 5],
    ['that was never ready', unready('p2', 599, 600), 3],
  ])('by the CPU of a pod %s: %#', (_, third, replicas) => {
    const usage = new Map([50, 50, 150].map((n, i) => [`p${i}`, { c: { cpu: `${n}m` } }]));
    const group = { pods: [member('p0'), member('p1'), third], current: 3, now: NOW, caution };
    expect(adviseByUsage(half, usage, group).replicas).toBe(replicas);
  });

  test('by the requests of sidecars too, as their use is measured', () => {
    const p = member('p0');
    const sidecar = { name: 's', restartPolicy: 'Always' as const, resources: { requests: { cpu: '100m' } } };
    const spec = { ...p.spec, initContainers: [{ name: 'init' }, sidecar] };
    const usage = new Map([['p0', { c: { cpu: '50m' }, s: { cpu: '50m' } }]]);
    const group = { pods: [{ ...p, spec } as Stored<Pod>], current: 1, now: NOW, caution };
    expect(adviseByUsage(half, usage, group)).toMatchObject({ replicas: 1, utilization: 50 });
  });

  test.each<[string, () => ReturnType<typeof ask>, string]>([
    ['without measurements', () => ask(half, [undefined]), 'did not receive metrics'],
    [
      'without requests',
      () => ask(half, [9], [member('p', {}, '')]),
      'missing request for cpu in container c of Pod p',
    ],
  ])('%s nothing is said', (_, get, why) => {
    expect(get).toThrow(why);
  });
});

describe('by metrics that are no resources', () => {
  const group = (n: number, more: Stored<Pod>[] = []) => {
    const pods = Array.from({ length: n }, (_, i) => member(`p${i}`, {}, undefined));
    return { pods: [...pods, ...more], current: n + more.length, statusReplicas: n + more.length, now: NOW, caution };
  };
  const values = (...list: number[]) => new Map(list.map((v, i) => [`p${i}`, v]));
  const starting = member('new', { ready: undefined });
  test.each<[string, () => unknown, unknown]>([
    ['each pod has twice as much', () => adviseByPods(10, values(20, 20), group(2)), { replicas: 4, averageMilli: 20 }],
    ['near enough', () => adviseByPods(10, values(10, 11), group(2)), { replicas: 2, averageMilli: 11 }],
    [
      'a pod without a value is idle',
      () => adviseByPods(10, values(20, 20), group(3)),
      { replicas: 4, averageMilli: 20 },
    ],
    ['one number, twice as large', () => adviseByValue(200, 100, group(3)), 6],
    ['one number, near enough', () => adviseByValue(105, 100, group(3)), 3],
    ['only ready pods count', () => adviseByValue(200, 100, group(2, [starting])), 4],
    ['nothing left', () => adviseByValue(0, 100, group(3)), 0],
    ['a share for each', () => adviseByAverage(100, 20, group(2)), { replicas: 5, averageMilli: 50 }],
    ['a share for each, near enough', () => adviseByAverage(101, 50, group(2)), { replicas: 2, averageMilli: 51 }],
  ])('%s', (_, get, want) => {
    expect(get()).toEqual(want);
  });
});

describe('bounds', () => {
  const hpa = (spec: object = {}): HorizontalPodAutoscaler =>
    ({ spec: { minReplicas: 1, maxReplicas: 100, ...spec } }) as HorizontalPodAutoscaler;
  const none: Memory = { advice: [], changes: [] };
  const ago = (seconds: number, replicas: number) => ({ at: NOW - seconds * 1000, replicas });
  const slow = {
    scaleUp: { policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }] },
    scaleDown: {
      ...{ stabilizationWindowSeconds: 0, selectPolicy: 'Disabled' },
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    },
  };
  test.each<[string, object, number, number, Memory, number, string | undefined]>([
    ['up at once', {}, 3, 5, none, 5, undefined],
    ['at most double or four more', {}, 3, 50, none, 7, 'ScaleUpLimit'],
    ['less what was added just now', {}, 7, 50, { ...none, changes: [ago(5, 4)] }, 7, 'ScaleUpLimit'],
    ['down when it was advised for long', {}, 5, 2, { ...none, advice: [ago(400, 5)] }, 2, undefined],
    ['not while more was advised', {}, 5, 2, { ...none, advice: [ago(200, 4)] }, 4, undefined],
    ['never more than may be', { maxReplicas: 4 }, 3, 9, none, 4, 'TooManyReplicas'],
    ['nor fewer', { minReplicas: 2 }, 3, 1, none, 2, 'TooFewReplicas'],
    ['by own rules', { behavior: slow }, 3, 9, { ...none, changes: [ago(30, 1)] }, 4, 'ScaleUpLimit'],
    ['not at all', { behavior: slow }, 3, 1, none, 3, 'ScaleDownLimit'],
  ])('%s', (_, spec, current, advised, memory, want, limited) => {
    const outcome = bounded(hpa(spec), { current, advised, memory, now: NOW });
    expect([outcome.replicas, outcome.limited?.[0]]).toEqual([want, limited]);
  });

  test.each([
    [1, 2, 'Current number of replicas below Spec.MinReplicas'],
    [2, undefined, undefined],
    [6, 5, 'Current number of replicas above Spec.MaxReplicas'],
  ])('%i replicas of 2 to 5 need no metric: %s', (current, replicas, reason) => {
    const beyond = outOfBounds(hpa({ minReplicas: 2, maxReplicas: 5 }), current);
    expect([beyond?.replicas, beyond?.reason]).toEqual([replicas, reason]);
  });
});
