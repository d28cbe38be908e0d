import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { silentLogger } from '#process/logger.ts';
import { podBounds } from './limits.ts';
import { openPodCgroups } from './pod-cgroups.ts';
import { weightOf } from './shares.ts';
import { foldersOf, podOfSlice } from './systemd.ts';
import { CgroupTree } from './tree.ts';

type Resources = { requests?: Record<string, string>; limits?: Record<string, string> };
const container = (cpu: string, limit?: string, memory?: string): { resources: Resources } => ({
  resources: {
    requests: { cpu },
    limits: { ...(limit ? { cpu: limit } : {}), ...(memory ? { memory } : {}) },
  },
});
const pod = (uid: string, qosClass: string, containers: object[], initContainers: object[] = []): Stored<Pod> =>
  ({
    metadata: { name: uid, uid },
    spec: { containers, initContainers },
    status: { qosClass },
  }) as unknown as Stored<Pod>;

describe('bounds of a pod', () => {
  test.each<[string, object[], object[], object]>([
    ['sums', [container('100m', '1', '1Mi'), container('400m', '2', '2Mi')], [], [512, 300_000, 3 << 20]],
    ['no limit unless all have one', [container('1', '1', '1Mi'), container('1')], [], [2048, 0, 0]],
    [
      'an init container that needs more',
      [container('1', '1', '1Mi')],
      [container('3', '2', '5Mi')],
      [3072, 200_000, 5 << 20],
    ],
    [
      'a sidecar beside both',
      [container('1', '1', '1Mi')],
      [{ ...container('1', '1', '1Mi'), restartPolicy: 'Always' }, container('3', '3', '1Mi')],
      [4096, 400_000, 2 << 20],
    ],
    ['nothing', [{}], [], [2, 0, 0]],
  ])('%s', (_, containers, init, want) => {
    const b = podBounds(pod('u', 'Burstable', containers, init));
    expect([b.cpuShares, b.cpuQuotaUs, b.memoryBytes]).toEqual(want);
  });
});

describe('the tree', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cgroups-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const mount = (point: string, type: string, options: string, root = '/') =>
    `30 1 0:1 ${root} ${point} rw - ${type} ${type} rw,${options}\n`;
  const open = (mountinfo: string, podPidsLimit = 0) =>
    CgroupTree.open({ root: '/r', logger: silentLogger, mountinfo, podPidsLimit });
  const read = (...path: string[]) => readFileSync(join(dir, ...path), 'utf8');

  test('of version 1: classes by quality of service, weighed by what their pods request', async () => {
    const [cpu, memory] = [join(dir, 'cpu'), join(dir, 'memory')];
    const beside = join(dir, 'unified');
    for (const d of [cpu, memory, beside]) mkdirSync(d);
    const two = mount(cpu, 'cgroup', 'cpu,cpuacct') + mount(memory, 'cgroup', 'memory');
    const tree = await open(two + mount(beside, 'cgroup2', 'nsdelegate'));
    if (!tree) throw new Error('it is writable');
    await tree.ensure(pod('g', 'Guaranteed', [container('1', '1', '1Mi')]));
    await tree.ensure(pod('b1', 'Burstable', [container('1')]));
    const b2 = pod('b2', 'Burstable', [container('500m', '1')]);
    await tree.ensure(b2);
    await tree.ensure(pod('e', 'BestEffort', [{}]));
    expect(tree.pathOf(b2)).toBe('/r/kubepods/burstable/podb2');
    expect(read('cpu/r/kubepods/podg/cpu.cfs_quota_us')).toBe('100000');
    expect(read('cpu/r/kubepods/burstable/podb2/cpu.cfs_quota_us')).toBe('100000');
    expect(read('cpu/r/kubepods/burstable/podb1/cpu.cfs_quota_us')).toBe('-1');
    expect(read('cpu/r/kubepods/burstable/cpu.shares')).toBe('1536');
    expect(read('cpu/r/kubepods/besteffort/cpu.shares')).toBe('2');
    expect(await tree.podUids()).toEqual(new Set(['g', 'b1', 'b2', 'e']));
    await tree.loosen(b2);
    expect(read('cpu/r/kubepods/burstable/podb2/cpu.cfs_quota_us')).toBe('-1');
    // Files of a real cgroup go with it.
    rmSync(join(cpu, 'r/kubepods/burstable/podb1'), { recursive: true });
    // The runtime makes it everywhere.
    mkdirSync(join(beside, 'r/kubepods/burstable/podb1'), { recursive: true });
    await tree.remove('b1');
    expect(read('cpu/r/kubepods/burstable/cpu.shares')).toBe('512');
    expect(await tree.podUids()).toEqual(new Set(['g', 'b2', 'e']));
  });

  test('pods that come at once all count for their class', async () => {
    const point = join(dir, 'at-once');
    mkdirSync(point);
    const tree = await open(mount(point, 'cgroup2', 'nsdelegate'));
    if (!tree) throw new Error('it is writable');
    const burstable = Array.from({ length: 8 }, (_, i) => pod(`b${i}`, 'Burstable', [container('1')]));
    await Promise.all([...burstable, pod('g', 'Guaranteed', [container('1', '1', '1Mi')])].map((p) => tree.ensure(p)));
    expect(read('at-once/r/kubepods/burstable/cpu.weight')).toBe(String(weightOf(8 * 1024)));
  });

  test('of version 2', async () => {
    const point = join(dir, 'two');
    mkdirSync(point);
    // As a container sees it that has a cgroup namespace of its own.
    const tree = await open(mount(point, 'cgroup2', 'nsdelegate', '/../..'));
    await tree?.ensure(pod('b', 'Burstable', [container('1', '2', '1Mi')]));
    expect(read('two/r/kubepods/burstable/podb/cpu.max')).toBe('200000 100000');
    expect(read('two/r/kubepods/burstable/podb/memory.max')).toBe('1048576');
    expect(read('two/r/kubepods/burstable/cpu.weight')).toBe('39');
    expect(read('two/r/kubepods/cgroup.subtree_control')).toBe('+cpu +memory');
    // The runtime makes what is in it, and it may be gone again.
    const b = pod('b', 'Burstable', [container('1')]);
    mkdirSync(join(point, 'r/kubepods/burstable/podb/c1'));
    writeFileSync(join(point, 'r/kubepods/burstable/podb/c1/memory.oom.group'), '0');
    await tree?.started(b, 'c1');
    await tree?.started(b, 'c2');
    expect(read('two/r/kubepods/burstable/podb/c1/memory.oom.group')).toBe('1');
  });

  test('all pods together have what is theirs, and what they use is known', async () => {
    const [cpu, memory, point] = ['cpu', 'memory', 'unified'].map((name) => join(dir, 'all', name)) as [
      string,
      string,
      string,
    ];
    for (const d of [cpu, memory, point]) mkdirSync(d, { recursive: true });
    const all = { cpuMilli: 1500, memoryBytes: 1 << 30 };
    const old = await open(mount(cpu, 'cgroup', 'cpu,cpuacct') + mount(memory, 'cgroup', 'memory'));
    expect(await old?.workingSet()).toBeUndefined();
    await old?.enforce(all);
    expect(read('all/cpu/r/kubepods/cpu.shares')).toBe('1536');
    // Of an OOM there each of their containers would hear.
    expect(readdirSync(join(memory, 'r/kubepods'))).toEqual([]);
    writeFileSync(join(memory, 'r/kubepods/memory.usage_in_bytes'), '1000\n');
    writeFileSync(join(memory, 'r/kubepods/memory.stat'), 'inactive_file 1\ntotal_inactive_file 300\n');
    expect(await old?.workingSet()).toBe(700);
    const unified = await open(mount(point, 'cgroup2', ''));
    await unified?.enforce(all);
    expect(read('all/unified/r/kubepods/memory.max')).toBe(String(1 << 30));
    expect(read('all/unified/r/kubepods/cpu.weight')).toBe('59');
    writeFileSync(join(point, 'r/kubepods/memory.current'), '500\n');
    writeFileSync(join(point, 'r/kubepods/memory.stat'), 'inactive_file 100\n');
    expect(await unified?.workingSet()).toBe(400);
  });

  test('a pod has no more processes than it may, in either version', async () => {
    const [cpu, memory, pids, point] = ['cpu', 'memory', 'pids', 'unified'].map((name) =>
      join(dir, 'bounded', name),
    ) as [string, string, string, string];
    for (const d of [cpu, memory, pids, point]) mkdirSync(d, { recursive: true });
    const both = mount(cpu, 'cgroup', 'cpu,cpuacct') + mount(memory, 'cgroup', 'memory');
    const e = pod('e', 'BestEffort', [{}]);
    await (await open(both + mount(pids, 'cgroup', 'pids'), 100))?.ensure(e);
    expect(read('bounded/pids/r/kubepods/besteffort/pode/pids.max')).toBe('100');
    await (await open(mount(point, 'cgroup2', ''), 100))?.ensure(e);
    expect(read('bounded/unified/r/kubepods/besteffort/pode/pids.max')).toBe('100');
    expect(read('bounded/unified/r/kubepods/besteffort/cgroup.subtree_control')).toBe('+cpu +memory +pids');
    // Where the kernel cannot count them by pod, each container is bounded.
    expect(await open(both, 100)).toBeUndefined();
  });

  test.each([
    ['not to be seen', () => open('')],
    ['not writable', () => open(mount('/proc/sys/none', 'cgroup2', ''))],
    ['a part of it, for this container', () => open(mount(dir, 'cgroup2', '', '/docker/x'))],
  ])('is left alone where it is %s', async (_, opened) => {
    expect(await opened()).toBeUndefined();
  });
});

describe('slices of systemd', () => {
  const UID = '0a1b-2c3d';
  const MINE = 'mine-kubepods-burstable-pod0a1b_2c3d.slice';
  const opened = async (o: {
    state: string;
    type: 'cgroup' | 'cgroup2';
    listed?: string;
    root?: string;
    pids?: number;
  }) => {
    const calls: string[] = [];
    const mountinfo = `30 1 0:1 / /sys/fs/cgroup rw - ${o.type} ${o.type} rw\n`;
    const exec = async (program: string, args: readonly string[]) => {
      if (args[0] === 'is-system-running') return { code: 1, stdout: `${o.state}\n`, stderr: '' };
      calls.push([program, ...args].join(' '));
      return { code: 0, stdout: args[0] === 'list-units' ? (o.listed ?? '') : '', stderr: '' };
    };
    const options = { root: o.root ?? '/mine', driver: 'systemd', logger: silentLogger, mountinfo, exec };
    const podPidsLimit = o.pids ?? 0;
    return { calls, tree: await openPodCgroups({ ...options, podPidsLimit }) };
  };

  test('one for each pod, with its bounds, in those of the classes', async () => {
    const { tree, calls } = await opened({ state: 'degraded', type: 'cgroup2' });
    const b = pod(UID, 'Burstable', [container('1', '250m', '1Mi')]);
    expect(tree?.pathOf(b)).toBe(MINE);
    await tree?.ensure(b);
    expect(calls.splice(0)).toEqual([
      `systemctl start ${MINE}`,
      `systemctl set-property --runtime ${MINE} CPUWeight=39 CPUQuota=25% MemoryMax=1048576`,
      'systemctl start mine-kubepods-burstable.slice',
      'systemctl set-property --runtime mine-kubepods-burstable.slice CPUWeight=39',
      'systemctl start mine-kubepods-besteffort.slice',
      'systemctl set-property --runtime mine-kubepods-besteffort.slice CPUWeight=1',
    ]);
    await tree?.loosen(b);
    expect(calls.splice(0)[1]).toMatch(/CPUWeight=39 CPUQuota= MemoryMax=infinity$/);
    await tree?.remove(UID);
    expect(calls[0]).toBe(`systemctl stop ${MINE}`);
    expect(calls.at(-1)).toBe('systemctl set-property --runtime mine-kubepods-burstable.slice CPUWeight=1');
  });

  test.each([
    ['cgroup2', ' MemoryMax=1073741824'],
    ['cgroup', ''],
  ] as const)('one for all pods, with what is theirs: %s', async (type, memory) => {
    const { tree, calls } = await opened({ state: 'running', type });
    await tree?.enforce({ cpuMilli: 1500, memoryBytes: 1 << 30 });
    expect(calls).toEqual([
      'systemctl start mine-kubepods.slice',
      `systemctl set-property --runtime mine-kubepods.slice CPUWeight=59 CPUQuota=${memory}`,
    ]);
    expect(await tree?.workingSet()).toBeUndefined();
  });

  test('a pod has no more tasks than it may', async () => {
    const { tree, calls } = await opened({ state: 'running', type: 'cgroup', pids: 100 });
    await tree?.ensure(pod(UID, 'Burstable', [container('1')]));
    expect(calls).toContain(`systemctl set-property --runtime ${MINE} CPUWeight=39 CPUQuota= TasksMax=100`);
  });

  test('those that an agent before this one made are found', async () => {
    const listed = `${MINE} loaded active active x\nmine-kubepods-besteffort.slice loaded active active y\n`;
    const { tree, calls } = await opened({ state: 'running', type: 'cgroup', listed });
    expect(await tree?.podUids()).toEqual(new Set([UID]));
    expect(calls.at(-1)).toMatch(/ mine-kubepods-\*$/);
    await tree?.remove(UID);
    expect(calls).toContain(`systemctl stop ${MINE}`);
  });

  test.each([
    ['kubepods-pod1_2.slice', '1-2'],
    ['kubepods-besteffort-podx.slice', 'x'],
    ['a-kubepods-podx.slice', 'x'],
    ['kubepods-burstable.slice', undefined],
    ['kubepods.slice', undefined],
    ['user-1000.slice', undefined],
  ])('%s', (slice, uid) => {
    expect(podOfSlice(slice)).toBe(uid);
  });

  test('a slice lies in those that its name begins with', () => {
    expect(foldersOf(MINE)).toEqual(['mine.slice', 'mine-kubepods.slice', 'mine-kubepods-burstable.slice', MINE]);
  });

  test.each(['offline', ''])('none where systemd is "%s"', async (state) => {
    expect((await opened({ state, type: 'cgroup2' })).tree).toBeUndefined();
  });
});
