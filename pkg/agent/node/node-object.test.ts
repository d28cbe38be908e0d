import { expect, test } from 'vitest';
import { parseThresholds, softThresholds } from '../eviction/thresholds.ts';
import { reservedOf } from './facts.ts';
import { hasNewResource, type NodeFacts, nodeLabels, nodeStatus } from './node-object.ts';

const facts: NodeFacts = {
  name: 'n1',
  ips: ['172.18.0.2', 'fd00::2'],
  port: 10250,
  labels: { 'topology.kubernetes.io/zone': 'z1' },
  cpus: 4,
  memoryBytes: 8 * 1024 ** 3 + 1023,
  diskBytes: 10 * 1024 ** 3,
  maxPods: 110,
  reserved: { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 },
  kernel: '6.1',
  os: 'Test Linux',
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  runtimeVersion: '27.0',
};
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const NOW_TEXT = '2026-01-02T03:04:05Z';
const EARLIER = '2026-01-01T00:00:00Z';
const ready = {
  readiness: { ready: true, message: 'ok', pressures: [] },
  images: [],
  devices: { capacity: {}, allocatable: {} },
  now: NOW,
};

test('labels: the well-known ones, then those of the operator', () => {
  expect(nodeLabels({ ...facts, labels: { ...facts.labels, 'kubernetes.io/os': 'mine' } })).toMatchObject({
    'kubernetes.io/hostname': 'n1',
    'kubernetes.io/os': 'mine',
    'topology.kubernetes.io/zone': 'z1',
  });
});

test('capacity, addresses, port', () => {
  const s = nodeStatus({}, facts, ready);
  expect(s.capacity).toEqual({ cpu: '4', memory: '8388608Ki', 'ephemeral-storage': '10485760Ki', pods: '110' });
  expect(s.allocatable).toEqual(s.capacity);
  expect(s.addresses).toEqual([
    { type: 'InternalIP', address: '172.18.0.2' },
    { type: 'InternalIP', address: 'fd00::2' },
    { type: 'Hostname', address: 'n1' },
  ]);
  expect(s.daemonEndpoints?.kubeletEndpoint?.Port).toBe(10250);
  expect(s.nodeInfo).toMatchObject({ containerRuntimeVersion: 'docker://27.0', operatingSystem: 'linux' });
});

test.each([
  [true, 'True', 'KubeletReady', EARLIER],
  [false, 'False', 'KubeletNotReady', NOW_TEXT],
])('ready %s', (isReady, status, reason, since) => {
  const old = { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: EARLIER }] } as never;
  const s = nodeStatus(old, facts, { ...ready, readiness: { ready: isReady, message: 'why', pressures: [] } });
  expect(s.conditions?.find((c) => c.type === 'Ready')).toEqual({
    type: 'Ready',
    status,
    reason,
    message: 'why',
    lastHeartbeatTime: NOW_TEXT,
    lastTransitionTime: since,
  });
  expect(s.conditions?.filter((c) => c.status === 'True').length).toBe(isReady ? 1 : 0);
});

test('what runs short', () => {
  const s = nodeStatus({}, facts, { ...ready, readiness: { ready: true, message: '', pressures: ['DiskPressure'] } });
  const of = (type: string) => s.conditions?.find((c) => c.type === type);
  expect(of('DiskPressure')).toMatchObject({ status: 'True', reason: 'KubeletHasDiskPressure' });
  expect(of('MemoryPressure')).toMatchObject({ status: 'False', reason: 'KubeletHasSufficientMemory' });
});

test('images: named ones, the largest first, fifty at most; what others wrote stays', () => {
  const images = Array.from({ length: 60 }, (_, i) => ({
    id: `${i}`,
    names: i === 59 ? [] : [`img${i}`],
    sizeBytes: i,
  }));
  const theirs = { type: 'KernelDeadlock', status: 'False' };
  const old = { volumesInUse: ['v'], conditions: [theirs, { type: 'Ready', status: 'Unknown' }] };
  const s = nodeStatus(old as never, facts, { ...ready, images });
  expect(s.images?.length).toBe(50);
  expect(s.images?.[0]).toEqual({ names: ['img58'], sizeBytes: 58 });
  expect(s).toHaveProperty('volumesInUse', ['v']);
  expect(s.conditions?.filter((c) => c.type === 'Ready')).toHaveLength(1);
  expect(s.conditions).toContainEqual(theirs);
});

test('extended resources: those of plugins as they are, those of others as a whole', () => {
  const devices = { capacity: { 'v.example/mine': '3' }, allocatable: { 'v.example/mine': '1' } };
  const old = { capacity: { cpu: '1', 'v.example/mine': '9', 'v.example/theirs': '4', 'x.kubernetes.io/y': '1' } };
  const s = nodeStatus(old, facts, { ...ready, devices });
  expect(s.capacity).toMatchObject({ cpu: '4', 'v.example/mine': '3', 'v.example/theirs': '4' });
  expect(s.allocatable).toMatchObject({ cpu: '4', 'v.example/mine': '1', 'v.example/theirs': '4' });
  expect(s.allocatable).not.toHaveProperty('x.kubernetes.io/y');
  expect(hasNewResource({ status: old }, devices)).toBe(true);
  expect(hasNewResource({ status: s }, devices)).toBe(false);
});

test('what is reserved cannot be had, nor what must be left lest pods are evicted', () => {
  const thresholds = [
    ...parseThresholds('memory.available<10%,nodefs.available<1Gi'),
    ...softThresholds('memory.available<50%', { 'memory.available': 1000 }),
  ];
  const reserved = reservedOf({
    reserved: [
      { cpu: '150m', memory: '1Gi' },
      { cpu: '1', 'ephemeral-storage': '2Gi' },
    ],
    thresholds,
    memoryBytes: 10 * 1024 ** 3,
    diskBytes: 10 * 1024 ** 3,
  });
  expect(reserved).toEqual({ cpuMilli: 1150, memoryBytes: 2 * 1024 ** 3, diskBytes: 3 * 1024 ** 3 });
  const s = nodeStatus({}, { ...facts, reserved }, ready);
  expect(s.capacity?.cpu).toBe('4');
  expect(s.allocatable).toEqual({ cpu: '2850m', memory: '6291456Ki', 'ephemeral-storage': '7340032Ki', pods: '110' });
});
