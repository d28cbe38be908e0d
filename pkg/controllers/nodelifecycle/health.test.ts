import { describe, expect, test } from 'vitest';
import type { Node, Taint } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { ago, NOW, pod } from '../fixtures.ts';
import { nodeLifecycleController } from './controller.ts';
import { Evictions, evictionTime } from './eviction.ts';
import { healthOf, isOwnReport, silenced, wantedTaints } from './health.ts';
import { Heartbeats } from './heartbeats.ts';
import { TaintTimes } from './taint-times.ts';
import { countZones, EvictionPace, evictionInterval, isFullOutage } from './zones.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const node = (conditions: Record<string, string>, spec: object = {}): Node =>
  ({ spec, status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) } }) as Node;

test.each([
  ['True', 39_999, 'ready'],
  ['True', 40_001, 'unreachable'],
  ['False', 0, 'not-ready'],
  // Its lease is back, but its own word is not: our mark stands.
  ['Unknown', 0, 'unreachable'],
])('Ready %s, silent for %i ms: %s', (ready, silence, want) => {
  expect(healthOf(node({ Ready: ready }), NOW - silence, NOW, 40_000)).toBe(want);
});

describe('taints', () => {
  const nowText = ago(0);
  const taint = (key: string, effect: string, timeAdded?: string) =>
    ({ key, effect, ...(timeAdded ? { timeAdded } : {}) }) as Taint;
  const own = { key: 'mine', effect: 'NoSchedule' } as Taint;
  test.each<[string, Node, Parameters<typeof wantedTaints>[1], Taint[]]>([
    [
      'healthy',
      node({ Ready: 'True' }, { taints: [own, taint(NOT_READY, 'NoExecute')] }),
      { health: 'ready', evict: false, nowText },
      [own],
    ],
    [
      'not ready',
      node({}),
      { health: 'not-ready', evict: true, nowText },
      [taint(NOT_READY, 'NoSchedule'), taint(NOT_READY, 'NoExecute', nowText)],
    ],
    [
      'unreachable, pods must stay',
      node({}),
      { health: 'unreachable', evict: false, nowText },
      [taint(UNREACHABLE, 'NoSchedule')],
    ],
    [
      'times are kept',
      node({}, { taints: [taint(UNREACHABLE, 'NoExecute', ago(99))] }),
      { health: 'unreachable', evict: true, nowText },
      [taint(UNREACHABLE, 'NoSchedule'), taint(UNREACHABLE, 'NoExecute', ago(99))],
    ],
    [
      'full outage takes eviction back',
      node({}, { taints: [taint(UNREACHABLE, 'NoExecute', ago(99))] }),
      { health: 'unreachable', evict: false, nowText },
      [taint(UNREACHABLE, 'NoSchedule')],
    ],
    [
      'cordoned',
      node({ Ready: 'True' }, { unschedulable: true }),
      { health: 'ready', evict: false, nowText },
      [taint('node.kubernetes.io/unschedulable', 'NoSchedule')],
    ],
    [
      'under pressure',
      node({ Ready: 'True', DiskPressure: 'True', MemoryPressure: 'False' }),
      { health: 'ready', evict: false, nowText },
      [taint('node.kubernetes.io/disk-pressure', 'NoSchedule')],
    ],
  ])('%s', (_why, n, wanted, want) => {
    expect(wantedTaints(n, wanted)).toEqual(want);
  });
});

describe('when a pod must leave', () => {
  const at = (seconds: number): Taint[] => [
    { key: UNREACHABLE, effect: 'NoExecute', timeAdded: ago(seconds) } as Taint,
  ];
  const tolerate = (tolerationSeconds?: number, key: string | undefined = UNREACHABLE) => ({
    ...(key ? { key } : {}),
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  test.each([
    ['no toleration', [], at(0), NOW],
    ['another taint tolerated', [tolerate(5, 'x')], at(0), NOW],
    ['for 300 s', [tolerate(300)], at(100), NOW + 200_000],
    ['time is over', [tolerate(300)], at(400), NOW - 100_000],
    ['for ever', [tolerate()], at(400), undefined],
    ['every taint, for ever', [{ operator: 'Exists' as const }], at(400), undefined],
    ['the shortest of two', [tolerate(300), tolerate(60)], at(0), NOW + 60_000],
    ['one of them without limit', [tolerate(300), tolerate()], at(0), NOW + 300_000],
    ['negative is at once', [tolerate(-1)], at(0), NOW],
    ['NoSchedule moves nothing', [], [{ key: 'a', effect: 'NoSchedule' } as Taint], undefined],
  ])('%s', (_why, tolerations, taints, want) => {
    expect(evictionTime(pod({ tolerations: tolerations as never }), taints, NOW)).toBe(want);
  });
});

test('a pod that came after the taint has its time from then on', () => {
  const tolerations = [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }] as never;
  const taints = [{ key: 'mine', effect: 'NoExecute', timeAdded: ago(7200) } as Taint];
  expect(evictionTime(pod({ tolerations, age: 100 }), taints, NOW)).toBe(NOW + 200_000);
});

test('a pod that was to go and may stay after all is told, once', async () => {
  const told: string[] = [];
  const { client, clock } = fakeDeps({}, {});
  const evictions = new Evictions({ client, clock, events: fakeEvents(told)('node-controller') });
  const tolerations = [{ key: 'mine', operator: 'Exists', tolerationSeconds: 300 }] as never;
  const pods = [pod({ name: 'a', tolerations }), pod({ name: 'b', tolerations, deleting: true })];
  const mine = { key: 'mine', effect: 'NoExecute', timeAdded: ago(100) } as Taint;
  expect(await evictions.due('n', [mine], pods)).toBe(200_000);
  expect(told).toEqual([]);
  for (let i = 0; i < 2; i++) expect(await evictions.due('n', [], pods)).toBeUndefined();
  expect(told).toEqual(['a Normal TaintManagerEviction: Cancelling deletion of Pod ns/a']);
});

test('nodes that come and go are told of, those that were there long before are not', () => {
  const named = (name: string, age: number) => ({ metadata: { name, uid: name, creationTimestamp: ago(age) } });
  const told: string[] = [];
  const caches = new FakeCaches({ Node: [named('old', 4000), named('new', 4)] });
  const deps = { ...fakeDeps(caches, {}), events: fakeEvents(told) };
  const controller = nodeLifecycleController(deps, { gracePeriodMs: 1 });
  for (const w of controller.watches) w.attach(deps.informers, () => {});
  caches.remove('Node', named('old', 4000) as never);
  expect(told).toEqual([
    'new Normal RegisteredNode: Node new event: Registered Node new in Controller',
    'old Normal RemovingNode: Node old event: Removing Node old from Controller',
  ]);
});

test('a taint without a time counts from when it was first seen, not from each look', () => {
  const times = new TaintTimes();
  const tainted = (...taints: object[]) => ({ metadata: { name: 'n', uid: 'n' }, spec: { taints } }) as Stored<Node>;
  const mine = { key: 'mine', value: 'a', effect: 'NoExecute' };
  const added = (taints: readonly Taint[]) => taints.map((t) => t.timeAdded && Date.parse(t.timeAdded) - NOW);
  const dated = { key: 'dated', effect: 'NoExecute', timeAdded: ago(9) };
  const all = tainted(mine, dated, { key: 'mine', effect: 'NoSchedule' });
  expect(added(times.dated(all, NOW))).toEqual([0, -9000, undefined]);
  expect(added(times.dated(all, NOW + 5000))).toEqual([0, -9000, undefined]);
  expect(added(times.dated(tainted({ ...mine, value: 'b' }), NOW + 6000))).toEqual([6000]);
  expect(added(times.dated(tainted(mine), NOW + 7000))).toEqual([7000]);
  times.forget('n');
  expect(added(times.dated(tainted(mine), NOW + 8000))).toEqual([8000]);
});

describe('zones', () => {
  test.each([
    [{ ready: 9, unhealthy: 1 }, 10_000],
    [{ ready: 1, unhealthy: 2 }, 10_000],
    [{ ready: 2, unhealthy: 3 }, Number.POSITIVE_INFINITY],
    [{ ready: 40, unhealthy: 60 }, 100_000],
    [{ ready: 0, unhealthy: 5 }, 10_000],
  ])('%j: %f ms between nodes', (count, want) => {
    expect(evictionInterval(count)).toBe(want);
  });

  test('a full outage is no node healthy anywhere', () => {
    expect(isFullOutage([{ ready: 0, unhealthy: 3 }])).toBe(true);
    expect(
      isFullOutage([
        { ready: 0, unhealthy: 3 },
        { ready: 1, unhealthy: 0 },
      ]),
    ).toBe(false);
    expect(isFullOutage([])).toBe(false);
  });

  test('nodes are counted by their zone', () => {
    const named = (zone: string, ready: string): Node =>
      ({ ...node({ Ready: ready }), metadata: { labels: { 'topology.kubernetes.io/zone': zone } } }) as Node;
    const zones = countZones(
      [named('a', 'True'), named('a', 'False'), named('b', 'True')],
      (n) => n.status?.conditions?.[0]?.status === 'True',
    );
    expect(Object.fromEntries(zones)).toEqual({ '/a': { ready: 1, unhealthy: 1 }, '/b': { ready: 1, unhealthy: 0 } });
  });

  test('one node at a time, the same again at once', () => {
    const pace = new EvictionPace();
    const zone = { name: 'z', interval: 10_000 };
    expect(pace.take('a', zone, NOW)).toBe(0);
    expect(pace.take('a', zone, NOW + 5)).toBe(0);
    expect(pace.take('b', zone, NOW + 1000)).toBe(9000);
    expect(pace.take('b', { name: 'other', interval: 10_000 }, NOW + 1000)).toBe(0);
    expect(pace.take('b', zone, NOW + 10_000)).toBe(0);
    expect(pace.take('c', { name: 'z', interval: Number.POSITIVE_INFINITY }, NOW + 99_999)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

test('a heartbeat counts from when it was seen, whatever time it carries', () => {
  const beats = new Heartbeats();
  expect(beats.hear('n', '1970', NOW)).toBe(NOW);
  expect(beats.hear('n', '1970', NOW + 5000)).toBe(NOW);
  expect(beats.hear('n', '2999', NOW + 6000)).toBe(NOW + 6000);
  expect(beats.lastHeard('n')).toBe(NOW + 6000);
  beats.alive('n', NOW + 7000);
  expect(beats.hear('n', '2999', NOW + 8000)).toBe(NOW + 7000);
  beats.forget('n');
  expect(beats.lastHeard('n')).toBeUndefined();
});

test.each([
  ['Unknown', 'True', true],
  ['True', 'False', true],
  ['True', 'True', false],
  ['True', 'Unknown', false],
])('Ready from %s to %s is the word of the node itself: %s', (before, after, want) => {
  expect(isOwnReport(node({ Ready: after }), node({ Ready: before }))).toBe(want);
});

test('of a silent node nothing holds that its agent has told, or should have; what others tell stays', () => {
  const told = node({ Ready: 'True', DiskPressure: 'Unknown', MemoryPressure: 'False', KernelDeadlock: 'False' });
  const created = { ...told, metadata: { ...told.metadata, creationTimestamp: ago(60) } } as never;
  const unknown = { status: 'Unknown', lastTransitionTime: ago(0) };
  const stopped = { ...unknown, reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
  const never = { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
  expect(silenced(created, NOW)).toEqual([
    { type: 'Ready', ...stopped },
    { type: 'MemoryPressure', ...stopped },
    { type: 'PIDPressure', ...unknown, ...never, lastHeartbeatTime: ago(60) },
  ]);
});
