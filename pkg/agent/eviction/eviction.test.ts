import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import type { Failure } from '../pods/deadline.ts';
import type { RuntimeView } from '../runtime/view.ts';
import type { NodeStats } from '../stats/node-stats.ts';
import { Eviction } from './eviction.ts';
import { LocalStorage } from './local-storage.ts';
import { evictionMessage } from './message.ts';
import { ranked } from './rank.ts';
import {
  ofAllocatable,
  parseReclaims,
  parseThresholds,
  shortages,
  softThresholds,
  type Threshold,
} from './thresholds.ts';

const GIB = 2 ** 30;

test.each<[string, string, number, string[]]>([
  ['below', 'memory.available<1Gi', GIB - 1, ['memory.available']],
  ['just enough', 'memory.available<1Gi', GIB, []],
  ['a share', 'memory.available<50%', 2 * GIB - 1, ['memory.available']],
  ['none', '', 0, []],
  ['not measured', 'pid.available<10%', 0, []],
])('threshold: %s', (_, text, available, expected) => {
  const short = shortages(parseThresholds(text), { 'memory.available': { available, capacity: 4 * GIB } });
  expect(short.map((s) => s.threshold.signal)).toEqual(expected);
});

test.each([
  [GIB - 1, false, 1],
  [GIB, false, 0],
  [GIB, true, 1],
  [2 * GIB - 1, true, 1],
  [2 * GIB, true, 0],
])('with a minimum to reclaim: %i left, crossed before: %s', (available, before, expected) => {
  const thresholds = parseThresholds('memory.available<1Gi');
  const crossed = new Set(before ? thresholds : []);
  const reclaims = parseReclaims({ 'memory.available': '25%' });
  const supplies = { 'memory.available': { available, capacity: 4 * GIB } };
  expect(shortages(thresholds, supplies, { crossed, reclaims })).toHaveLength(expected);
});

test('what is to be reclaimed is a quantity of a signal', () => {
  expect(() => parseReclaims({ memory: '1Gi' })).toThrow('is no signal');
  expect(() => parseReclaims({ 'pid.available': 'much' })).toThrow('neither a quantity');
});

test('memory comes before disk', () => {
  const nothing = { available: 0, capacity: 1 };
  const short = shortages(parseThresholds('nodefs.available<10%,memory.available<10%'), {
    'memory.available': nothing,
    'nodefs.available': nothing,
  });
  expect(short.map((s) => s.threshold.signal)).toEqual(['memory.available', 'nodefs.available']);
});

test.each(['memory<1Gi', 'memory.available<', 'memory.available<much', 'memory.available'])('%s is refused', (text) => {
  expect(() => parseThresholds(text)).toThrow(/is no signal|neither a quantity/);
});

test('above their request first, then by priority, then by excess; critical and static pods stay', () => {
  const pod = (name: string, memory?: string, priority = 0, annotations = {}): Stored<Pod> =>
    ({
      metadata: { name, annotations },
      spec: { priority, containers: [{ resources: memory ? { requests: { memory } } : {} }] },
    }) as unknown as Stored<Pod>;
  const candidates = [
    { pod: pod('below', '100Mi'), used: 50 },
    { pod: pod('little'), used: 10 },
    { pod: pod('much'), used: 1000 },
    { pod: pod('important', undefined, 7), used: 5000 },
    { pod: pod('critical', undefined, 2_000_001_000), used: 9000 },
    { pod: pod('static', undefined, 0, { 'kubernetes.io/config.source': 'file' }), used: 9000 },
  ];
  expect(ranked(candidates, 'memory.available').map((c) => c.pod.metadata.name)).toEqual([
    'much',
    'little',
    'important',
    'below',
  ]);
});

test('soft thresholds need a time', () => {
  const grace = { 'memory.available': 90_000 };
  expect(softThresholds('memory.available<1Gi', grace)).toMatchObject([
    { signal: 'memory.available', graceMs: 90_000 },
  ]);
  expect(() => softThresholds('nodefs.available<10%', grace)).toThrow('nodefs.available needs a time');
});

test('a soft threshold evicts when it has been crossed for its time without a break, and grants time to end; then waits for that', async () => {
  const clock = new FakeClock();
  const pod = { metadata: { name: 'p', uid: 'u' }, spec: { containers: [{ name: 'c' }] } } as unknown as Stored<Pod>;
  const memory = { left: GIB / 2 };
  const machine = () => ({ memoryTotal: 4 * GIB, memoryAvailable: memory.left, processes: 1, maxProcesses: 9 });
  const disk = { device: 1, capacity: 1, available: 1, inodes: 0, inodesFree: 0 };
  const stats = {
    machine: async () => ({ machine: machine(), disk, imageDisk: disk }),
    measure: async () => ({ pods: [{ pod, containers: [], network: undefined, overhead: undefined }] }),
  };
  const evicted: Failure[] = [];
  let [ending, cleaned] = [false, false];
  const off = new AbortController();
  const eviction = new Eviction({
    stats: stats as unknown as NodeStats,
    pods: { get: () => pod, list: () => [], byIndex: () => [] },
    reclaims: {},
    allocatableMemory: async () => undefined,
    thresholds: softThresholds('memory.available<1Gi', { 'memory.available': 60_000 }),
    transitionMs: 0,
    clock,
    logger: silentLogger,
    exec: async () => ({ code: 0, stdout: '', stderr: '' }),
    storage: {} as LocalStorage,
    maxPodGraceSeconds: 20,
    podDir: () => '',
    evict: (_uid, failure) => evicted.push(failure),
    ending: () => ending,
    cleaned: () => cleaned,
    reclaimDisk: async () => false,
    changed: () => {},
    reclaiming: () => {},
  });
  const running = eviction.run(off.signal);
  await clock.advance(50_000);
  expect([...eviction.pressures]).toEqual(['MemoryPressure']);
  memory.left = 2 * GIB;
  await clock.advance(10_000);
  memory.left = GIB / 2;
  await clock.advance(60_000);
  expect(evicted).toEqual([]);
  await clock.advance(20_000);
  expect(evicted).toMatchObject([{ reason: 'Evicted', graceSeconds: 20 }]);
  // What it holds is waited for; only then another may have to go, but none that is ending already.
  [ending, cleaned] = [true, true];
  await clock.advance(20_000);
  expect(evicted).toHaveLength(1);
  ending = false;
  await clock.advance(20_000);
  expect(evicted.length).toBeGreaterThan(1);
  off.abort();
  await running;
});

test('a pod whose files cannot be counted in time keeps nobody from being measured, and goes first', async () => {
  const clock = new FakeClock();
  const pod = (name: string) =>
    ({ metadata: { name, uid: name }, spec: { containers: [{ name: 'c' }] } }) as unknown as Stored<Pod>;
  const pods = [pod('small'), pod('countless')];
  const machine = { memoryTotal: 1, memoryAvailable: 1, processes: 1, maxProcesses: 9 };
  const disk = { device: 1, capacity: GIB, available: 1, inodes: 0, inodesFree: 0 };
  const stats = {
    machine: async () => ({ machine, disk, imageDisk: disk }),
    measure: async () => ({ pods: pods.map((p) => ({ pod: p, containers: [] })) }),
  };
  const evicted: string[] = [];
  const messages: string[] = [];
  const off = new AbortController();
  const late = async (what: string): Promise<never> => {
    throw new Error(`du ${what} did not end in time`);
  };
  const eviction = new Eviction({
    stats: stats as unknown as NodeStats,
    pods: { get: () => undefined, list: () => pods, byIndex: () => [] },
    reclaims: {},
    allocatableMemory: async () => undefined,
    thresholds: parseThresholds('nodefs.available<10%'),
    transitionMs: 0,
    clock,
    logger: silentLogger,
    exec: async (_command, args) =>
      args.includes('countless') ? late('countless') : { code: 0, stdout: '4\tsmall', stderr: '' },
    storage: {
      excess: async (p: Stored<Pod>) => (p.metadata.name === 'countless' ? late('countless') : undefined),
      written: async () => 0,
      containers: async (p: Stored<Pod>) => (p.metadata.name === 'countless' ? late('countless') : new Map()),
    } as unknown as LocalStorage,
    maxPodGraceSeconds: 20,
    podDir: (uid) => uid,
    evict: (uid, { message }) => {
      evicted.push(uid);
      messages.push(message);
      off.abort();
    },
    ending: () => false,
    cleaned: () => true,
    reclaimDisk: async () => false,
    changed: () => {},
    reclaiming: () => {},
  });
  await eviction.run(off.signal);
  expect(evicted).toEqual(['countless']);
  expect(messages[0]).not.toContain('Infinity');
});

const mibs = (n: number): number => n * 2 ** 20;

test.each([
  // Of the volumes' disk volumes count, of Docker's what Docker keeps there, of one for both both.
  ['nodefs.available', 'apart', 'volume', 0],
  ['imagefs.available', 'apart', 'layer', 1],
  ['nodefs.available', 'one', 'layer', 1],
  ['imagefs.available', 'one', 'layer', 1],
] as const)(
  '%s runs short, the disks are %s: the pod goes that holds most of it, its %s',
  async (signal, disks, first, reclaimed) => {
    const pods = ['volume', 'layer'].map(
      (name) => ({ metadata: { name, uid: name }, spec: { containers: [{ name: 'c' }] } }) as unknown as Stored<Pod>,
    );
    const disk = { device: 1, capacity: GIB, available: 1, inodes: 0, inodesFree: 0 };
    const stats = {
      machine: async () => ({
        machine: { memoryTotal: 1, memoryAvailable: 1, processes: 1, maxProcesses: 9 },
        disk,
        imageDisk: { ...disk, device: disks === 'one' ? 1 : 2 },
      }),
      measure: async () => ({ pods: pods.map((p) => ({ pod: p, containers: [] })) }),
    };
    const evicted: string[] = [];
    let asked = 0;
    const off = new AbortController();
    const eviction = new Eviction({
      stats: stats as unknown as NodeStats,
      pods: { get: () => undefined, list: () => [], byIndex: () => [] },
      reclaims: {},
      allocatableMemory: async () => undefined,
      thresholds: parseThresholds(`${signal}<10%`),
      transitionMs: 0,
      clock: new FakeClock(),
      logger: silentLogger,
      exec: async (_command, args) => ({ code: 0, stdout: args.includes('volume') ? '20480' : '4', stderr: '' }),
      storage: {
        written: async (p: Stored<Pod>) => mibs(p.metadata.name === 'layer' ? 30 : 0),
        containers: async (p: Stored<Pod>) => new Map([['c', mibs(p.metadata.name === 'layer' ? 30 : 0)]]),
      } as unknown as LocalStorage,
      maxPodGraceSeconds: 20,
      podDir: (uid) => uid,
      evict: (uid, { message }) => {
        evicted.push(uid, message);
        off.abort();
      },
      ending: () => false,
      cleaned: () => true,
      reclaimDisk: async () => {
        asked += 1;
        return false;
      },
      changed: () => {},
      reclaiming: () => {},
    });
    await eviction.run(off.signal);
    expect([evicted[0], asked]).toEqual([first, reclaimed]);
    const told =
      first === 'layer'
        ? 'Container c was using 30Mi, request is 0, has larger consumption of ephemeral-storage. '
        : '';
    expect(evicted[1]).toBe(
      `The node was low on resource: ephemeral-storage. Threshold quantity: ${Math.floor(GIB / 10)}, available: 1. ${told}`,
    );
  },
);

describe('the message of an eviction', () => {
  const [threshold] = parseThresholds('memory.available<100Mi');
  const p = {
    spec: {
      initContainers: [{ name: 'side', restartPolicy: 'Always', resources: { requests: { memory: '1Mi' } } }],
      containers: [{ name: 'a', resources: { requests: { memory: '64Mi' } } }, { name: 'b' }],
    },
  } as unknown as Pod;
  const head = 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 5000Ki. ';
  test.each<[string, Record<string, number>, string]>([
    ['names nobody who keeps to what was asked for', { a: mibs(64), side: mibs(1) }, ''],
    [
      'names each container that does not, sidecars too',
      { a: mibs(65), b: mibs(2), side: mibs(1) + 1 },
      'Container side was using 1048577, request is 1Mi, has larger consumption of memory. ' +
        'Container a was using 65Mi, request is 64Mi, has larger consumption of memory. ' +
        'Container b was using 2Mi, request is 0, has larger consumption of memory. ',
    ],
  ])('%s', (_, used, expected) => {
    const shortage = { threshold: threshold as Threshold, available: 5000 * 1024, least: mibs(100) };
    expect(evictionMessage(shortage, p, new Map(Object.entries(used)))).toBe(head + expected);
  });
});

test('what must be left of memory is to be left of what pods may have, too; a soft threshold is of the node alone', () => {
  const hard = parseThresholds('memory.available<1Gi,nodefs.available<10%');
  const all = [...hard, ...ofAllocatable(hard)];
  const memory = { available: 4 * GIB, capacity: 8 * GIB };
  const ofPods = (available: number) => ({ 'allocatableMemory.available': { available, capacity: 2 * GIB } });
  const short = (available: number) =>
    shortages(all, { 'memory.available': memory, ...ofPods(available) }).map((s) => s.threshold.signal);
  expect(short(GIB)).toEqual([]);
  expect(short(GIB - 1)).toEqual(['allocatableMemory.available']);
});

test('what sidecars asked for counts, when it is looked who goes first', () => {
  const pod = (name: string, initContainers: object[]): Stored<Pod> =>
    ({ metadata: { name }, spec: { initContainers, containers: [{}] } }) as unknown as Stored<Pod>;
  const side = { name: 's', restartPolicy: 'Always', resources: { requests: { memory: '100Mi' } } };
  const candidates = [
    { pod: pod('within', [side]), used: mibs(90) },
    { pod: pod('above', []), used: mibs(10) },
  ];
  expect(ranked(candidates, 'memory.available').map((c) => c.pod.metadata.name)).toEqual(['above', 'within']);
});

describe('what the containers of a pod may write', () => {
  const limits = (name: string, limit?: string, more: object = {}) => ({
    ...{ name, ...more },
    resources: limit ? { limits: { 'ephemeral-storage': limit } } : {},
  });
  const always = { restartPolicy: 'Always' };
  const sumUp = (limit: string) => `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
  test.each<[string, object, Record<string, number>, string | undefined]>([
    ['no limit', { containers: [limits('a')] }, { a: 9 }, undefined],
    ['one limit', { containers: [limits('a', '3Mi')] }, { a: 4 }, sumUp('3Mi')],
    [
      'one container alone',
      { containers: [limits('a', '3Mi'), limits('b', '9Mi')] },
      { a: 4, b: 1 },
      'Container a exceeded its local ephemeral storage limit "3Mi". ',
    ],
    ['all together', { containers: [limits('a', '3Mi'), limits('b')] }, { a: 1, b: 3 }, sumUp('3Mi')],
    [
      'a sidecar writes too',
      { initContainers: [limits('s', undefined, always)], containers: [limits('a', '3Mi')] },
      { s: 4 },
      sumUp('3Mi'),
    ],
    [
      'and may',
      { initContainers: [limits('s', '2Mi', always)], containers: [limits('a', '3Mi')] },
      { s: 3, a: 2 },
      undefined,
    ],
    [
      'but no more',
      { initContainers: [limits('s', '2Mi', always)], containers: [limits('a', '3Mi')] },
      { s: 3, a: 3 },
      sumUp('5Mi'),
    ],
    [
      'what an init container needs may be used later',
      { initContainers: [limits('i', '9Mi')], containers: [limits('a', '3Mi'), limits('b')] },
      { b: 9 },
      undefined,
    ],
  ])('%s', async (_, spec, written, expected) => {
    const pod = { metadata: { name: 'p', uid: 'u' }, spec } as unknown as Stored<Pod>;
    const containers = new Map(Object.keys(written).map((name) => [name, [{ id: name }]]));
    const storage = new LocalStorage({
      view: { pod: () => ({ containers }) } as unknown as RuntimeView,
      runtime: { diskUse: async (id) => ({ layer: mibs((written[id] ?? 0) - 1), log: mibs(1) }) },
      exec: async () => ({ code: 0, stdout: '0', stderr: '' }),
      volumeDir: () => '',
    });
    expect(await storage.excess(pod)).toBe(expected);
  });
});
