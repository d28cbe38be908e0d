import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import { cgroupDirs } from './cgroup-paths.ts';
import { containerMetrics } from './container-metrics.ts';
import { FileUse, type PodFiles } from './file-use.ts';
import { busyNs } from './machine.ts';
import type { NodeUsage, PodUsage } from './node-stats.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { briefSummary, summary } from './summary.ts';
import { networkUsage, rateBase, trafficOf, type Usage } from './usage.ts';

const V1_MOUNTS = `33 31 0:30 ROOT /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 ROOT /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
const V1_CGROUP = (path: string) => `9:name=systemd:/\n5:cpuacct,cpu:${path}\n3:memory:${path}\n0::/\n`;

describe('where a cgroup is', () => {
  test.each([
    [
      'v1',
      V1_CGROUP('/a/b'),
      V1_MOUNTS.replaceAll('ROOT', '/'),
      '/sys/fs/cgroup/cpu,cpuacct/a/b',
      '/sys/fs/cgroup/memory/a/b',
    ],
    [
      'v1 in a container',
      V1_CGROUP('/docker/x/a'),
      V1_MOUNTS.replaceAll('ROOT', '/docker/x'),
      '/sys/fs/cgroup/cpu,cpuacct/a',
      '/sys/fs/cgroup/memory/a',
    ],
    [
      'v2',
      '0::/a/b\n',
      '30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/a/b',
      '/sys/fs/cgroup/a/b',
    ],
  ])('%s', (_, cgroup, mounts, cpu, memory) => {
    expect(cgroupDirs(cgroup, mounts)).toMatchObject({ cpu, memory, unified: cpu === memory });
  });

  test('nowhere', () => {
    expect(cgroupDirs('0::/a\n', '')).toBeUndefined();
  });
});

test('an interface of a pod', () => {
  const dev =
    'Inter-| Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 100 2 3 0 0 0 0 0 200 4 5 0 0 0 0 0\n';
  expect(networkUsage(dev, 'eth0')).toEqual({ rxBytes: 100, rxErrors: 3, txBytes: 200, txErrors: 5 });
  expect(networkUsage(dev, 'eth1')).toBeUndefined();
});

test('busy time leaves out idling and waiting', () => {
  expect(busyNs('cpu  1 2 3 1000 1000 4 5 6 0 0\ncpu0 0\n')).toBe(21 * 10_000_000);
});

const AT = Date.UTC(2026, 0, 2);
const usage = (more: Partial<Usage> = {}): Usage => ({
  at: AT,
  cpuNs: 2e9,
  cpuRate: 5e8,
  windowMs: 5000,
  memory: 300,
  workingSet: 200,
  rss: 100,
  pageFaults: 7,
  majorPageFaults: 1,
  processes: 2,
  readBytes: 11,
  writtenBytes: 12,
  ...more,
});

const NODE: NodeUsage = {
  nodeName: 'n',
  at: AT,
  bootedAt: AT - 1000,
  machine: { cpuNs: 9e9, memoryTotal: 1000, memoryAvailable: 400, processes: 3, maxProcesses: 10 },
  cpuRate: 4e8,
  windowMs: 3000,
  disk: { device: 1, capacity: 50, available: 20, inodes: 9, inodesFree: 8 },
  imageDisk: { device: 2, capacity: 70, available: 10, inodes: 9, inodesFree: 4 },
  pods: [
    {
      pod: { metadata: { name: 'p', namespace: 'ns', uid: 'u' } } as unknown as Stored<Pod>,
      containers: [
        {
          record: {
            name: 'a',
            id: 'i',
            image: 'x:1',
            startedAt: AT - 500,
            limits: { memoryBytes: 1000 },
          } as ContainerRecord,
          usage: usage(),
        },
        {
          record: { name: 'b', id: 'j', image: 'x:1', startedAt: AT } as ContainerRecord,
          usage: usage({ cpuRate: undefined }),
        },
      ],
      network: { rxBytes: 1, rxErrors: 0, txBytes: 2, txErrors: 0 },
      overhead: usage({ workingSet: 1 }),
    },
  ],
};

test('the summary', () => {
  expect(summary(NODE)).toMatchObject({
    node: {
      nodeName: 'n',
      cpu: { usageCoreNanoSeconds: 9e9 },
      memory: { workingSetBytes: 600, availableBytes: 400 },
      fs: { usedBytes: 30, inodesUsed: 1 },
      runtime: { imageFs: { usedBytes: 60, inodesUsed: 5 }, containerFs: { capacityBytes: 70 } },
      rlimit: { maxpid: 10, curproc: 3 },
    },
    pods: [
      {
        podRef: { name: 'p', namespace: 'ns', uid: 'u' },
        containers: [
          { name: 'a', cpu: { usageNanoCores: 5e8 }, memory: { availableBytes: 800, rssBytes: 100 } },
          { name: 'b', cpu: { usageCoreNanoSeconds: 2e9 } },
        ],
        memory: { workingSetBytes: 401 },
        network: { rxBytes: 1, txBytes: 2 },
      },
    ],
  });
});

const WRITTEN: PodFiles = {
  at: AT - 9000,
  containers: new Map([
    ['a', { layer: 1000, log: 20 }],
    ['b', { layer: 3, log: 0 }],
  ]),
  volumes: [
    { name: 'kept', used: 500, inodes: 4, ephemeral: true, disk: NODE.disk },
    { name: 'token', used: 7, inodes: 2, ephemeral: false, disk: { ...NODE.disk, capacity: 5 } },
  ],
};

test('the summary tells what is written by containers, into volumes, and by a pod in all', () => {
  const { pods } = summary(NODE, new Map([['u', WRITTEN]])) as { pods: object[] };
  const time = '2026-01-01T23:59:51Z';
  const on = { time, availableBytes: 10, capacityBytes: 70, inodesFree: 4, inodes: 9 };
  expect(pods[0]).toMatchObject({
    containers: [{ name: 'a', rootfs: { ...on, usedBytes: 1000 }, logs: { ...on, usedBytes: 20 } }, { name: 'b' }],
    volume: [
      { name: 'kept', time, usedBytes: 500, inodesUsed: 4, capacityBytes: 50 },
      { name: 'token', usedBytes: 7, capacityBytes: 5 },
    ],
    'ephemeral-storage': { time, availableBytes: 20, capacityBytes: 50, inodesFree: 8, inodes: 9, usedBytes: 1523 },
  });
});

test('files are counted when somebody asks, once in a minute', async () => {
  const clock = new FakeClock();
  let looks = 0;
  const [first] = NODE.pods;
  const pod = {
    ...first?.pod,
    spec: {
      volumes: [
        { name: 'v', emptyDir: {} },
        { name: 'h', hostPath: {} },
      ],
    },
  };
  const asked: string[][] = [];
  const use = new FileUse({
    ...{ clock, filesOf: () => '/tmp' },
    runtime: { diskUse: async (id) => ({ layer: id === 'i' ? 5 : 6, log: ++looks }) },
    exec: async (_program, args) => {
      asked.push([...args]);
      return { code: 1, stdout: args.includes('--inodes') ? '3\t/tmp\n' : '8\t/tmp\n', stderr: 'some went' };
    },
  });
  const pods = [{ ...(first as PodUsage), pod: pod as unknown as Stored<Pod> }];
  await use.of(pods);
  expect(looks).toBe(2);
  await clock.advance(59_000);
  const files = (await use.of(pods)).get('u');
  expect(looks).toBe(2);
  expect(files?.containers.get('b')?.layer).toBe(6);
  expect(files?.volumes).toMatchObject([{ name: 'v', used: 8192, inodes: 3, ephemeral: true }]);
  expect(asked).toEqual([
    ['-skx', '/tmp'],
    ['-sx', '--inodes', '/tmp'],
  ]);
  await clock.advance(1_000);
  await use.of(pods);
  expect(looks).toBe(4);
});

test('files of a pod are counted anew when another container runs', async () => {
  const [first] = NODE.pods as [PodUsage];
  const use = new FileUse({
    ...{ clock: new FakeClock(), filesOf: () => '/tmp' },
    runtime: { diskUse: async () => ({ layer: 5, log: 1 }) },
    exec: async () => ({ code: 0, stdout: '', stderr: '' }),
  });
  const counted = async (containers: PodUsage['containers']) =>
    (await use.of([{ ...first, containers }])).get('u')?.containers.size;
  // As of a look between the start of the sandbox and that of its containers.
  expect(await counted([])).toBe(0);
  expect(await counted(first.containers)).toBe(2);
});

test.each([
  ['254:0 Read 100\n254:0 Write 7\n254:16 Read 1\n254:0 Total 107\nTotal 108\n', 101, 7],
  ['254:0 rbytes=100 wbytes=7 rios=1 wios=1 dbytes=9\n254:16 rbytes=1 wbytes=0\n', 101, 7],
  ['', 0, 0],
])('what went from and to disks: %j', (stat, readBytes, writtenBytes) => {
  expect(trafficOf(stat)).toEqual({ readBytes, writtenBytes });
});

test('resource metrics, with times', () => {
  const text = resourceMetrics(NODE);
  expect(text).toContain(`container_cpu_usage_seconds_total{container="a",namespace="ns",pod="p"} 2 ${AT}\n`);
  expect(text).toContain(`pod_memory_working_set_bytes{namespace="ns",pod="p"} 401 ${AT}\n`);
  expect(text).toContain(`node_cpu_usage_seconds_total 9 ${AT}\n`);
  expect(text).toContain('# TYPE container_start_time_seconds gauge\n');
});

test('what the metrics API reads', () => {
  expect(briefSummary(NODE)).toMatchObject({
    node: { nodeName: 'n', cpu: { usageNanoCores: 4e8, windowMs: 3000 }, memory: { workingSetBytes: 600 } },
    pods: [
      {
        podRef: { name: 'p', namespace: 'ns', uid: 'u' },
        containers: [
          { name: 'a', cpu: { usageNanoCores: 5e8, windowMs: 5000 }, memory: { workingSetBytes: 200 } },
          { name: 'b' },
        ],
      },
    ],
  });
});

test('metrics of containers, with image and id', () => {
  const text = containerMetrics(NODE, new Map([['u', WRITTEN]]));
  const a = 'container="a",id="i",image="x:1",namespace="ns",pod="p"';
  expect(text).toContain(`container_memory_rss{${a}} 100 ${AT}\n`);
  expect(text).toContain(`container_fs_usage_bytes{${a}} 1000 ${AT}\n`);
  expect(text).toContain(`container_fs_limit_bytes{${a}} 70 ${AT}\n`);
  expect(text).toContain(`container_fs_writes_bytes_total{${a}} 12 ${AT}\n`);
  expect(text).toContain(`container_spec_memory_limit_bytes{${a}} 1000 ${AT}\n`);
  expect(text).toContain(`container_network_transmit_bytes_total{interface="eth0",namespace="ns",pod="p"} 2 ${AT}\n`);
});

describe('what a rate is taken against', () => {
  test.each<[string, number | undefined, number | undefined, number | undefined]>([
    ['nothing', undefined, undefined, undefined],
    ['the last reading, if it is old enough', 20_000, 6_000, 6_000],
    ['else the one before', 8_000, 3_000, 8_000],
    ['the only one, even if it is young', undefined, 1_000, 1_000],
    ['not one of just now', undefined, 100, undefined],
    ['not one of long ago', undefined, 3_600_000, undefined],
    ['one that is young rather than one of long ago', 3_600_000, 1_000, 1_000],
  ])('%s', (_, older, last, want) => {
    const ago = (ms: number | undefined) => (ms === undefined ? undefined : { at: AT - ms });
    expect(rateBase({ older: ago(older), last: ago(last) }, AT)).toEqual(ago(want));
  });
});
