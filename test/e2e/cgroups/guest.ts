/**
 * Runs inside a virtual machine whose cgroups are those of version 2, with systemd as process 1: the agent's own parts, with a real
 * dockerd, first with its cgroupfs driver, then with its systemd driver.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openPodCgroups, ownMountinfo, type PodCgroups } from '#agent/cgroups/pod-cgroups.ts';
import { weightOf } from '#agent/cgroups/shares.ts';
import { cgroupLimits, containerConfig, sandboxConfig } from '#agent/pods/container-config.ts';
import { DockerRuntime } from '#agent/runtime/docker.ts';
import { OomLog } from '#agent/runtime/oom-log.ts';
import type { ContainerRecord } from '#agent/runtime/types.ts';
import { RuntimeView } from '#agent/runtime/view.ts';
import { cgroupDirs } from '#agent/stats/cgroup-paths.ts';
import { type Usage, UsageReader } from '#agent/stats/usage.ts';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { systemExec } from '#process/exec.ts';
import { createLogger } from '#process/logger.ts';
import { run } from '../../../deploy/run.ts';
import { type Checks, runChecks } from '../../bed/guest/inside.ts';
import { waitFor } from '../../bed/wait.ts';

const SOCKET = '/run/docker.sock';
const MIB = 1 << 20;
// Longer than the guest may take: where it is too slow, that is what is told.
const PATIENCE = { timeoutMs: 600_000, everyMs: 200 };
const logger = createLogger('warn', 'guest');
const clock = systemClock;

type Driver = 'cgroupfs' | 'systemd';

async function dockerd(driver: Driver): Promise<ChildProcess> {
  const log = openSync('/run/out/dockerd.log', 'a');
  const daemon = spawn(
    'dockerd',
    [
      ...['-H', `unix://${SOCKET}`, '--data-root', '/run/docker-data', '--exec-root', '/run/docker-exec'],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false', '-l', 'warn'],
      ...['--exec-opt', `native.cgroupdriver=${driver}`, '--pidfile', '/run/docker.pid'],
    ],
    { stdio: ['ignore', log, log] },
  );
  await waitFor(`dockerd with ${driver}`, () => runtime.info(), PATIENCE);
  return daemon;
}

// With the kernel's log, as the agent has it: Docker misses that a container which ended at once was out of memory.
const runtime = new DockerRuntime(
  SOCKET,
  {
    ...{ node: 'guest', pauseImage: 'coxswain/pause:1', network: 'none', cgroupParent: '' },
    ...{ mayLowerOomScore: true, atNode: (path: string) => path },
    ...{ logs: { maxBytes: 1 << 20, maxFiles: 2 }, podPidsLimit: 0 },
  },
  OomLog.open(),
);
const usage = new UsageReader({ runtime, clock });
const view = new RuntimeView({ runtime, clock, logger, changed: () => {} });

type Amounts = Readonly<Record<string, string>>;

function podOf(
  uid: string,
  qosClass: string,
  o: { script: string; requests?: Amounts; limits?: Amounts },
): Stored<Pod> {
  const { script, requests = {}, limits = {} } = o;
  const main = {
    name: 'main',
    image: 'coxswain/busybox:1',
    command: ['sh', '-c', script],
    resources: { requests, limits },
  };
  return {
    metadata: { name: uid, namespace: 'default', uid },
    spec: { containers: [main] },
    status: { qosClass },
  } as unknown as Stored<Pod>;
}

const mainOf = (pod: Stored<Pod>): Container => pod.spec?.containers?.[0] as Container;

/** Starts a pod the way the agent does. */
async function start(cgroups: PodCgroups, pod: Stored<Pod>): Promise<ContainerRecord> {
  await cgroups.ensure(pod);
  const cgroupParent = cgroups.pathOf(pod);
  const sandboxId = await runtime.createSandbox({
    ...sandboxConfig(pod, 0, 'cluster.local'),
    ...{ empty: true, cgroupParent },
  });
  await runtime.start(sandboxId);
  const inputs = { sandboxId, attempt: 0, env: new Map(), mounts: [], nodeMemory: 1 << 30, appArmor: '', seccomp: '' };
  const config = containerConfig(pod, mainOf(pod), inputs);
  const id = await runtime.createContainer({ ...config, cgroupParent });
  await runtime.start(id);
  await cgroups.started(pod, id);
  await view.load();
  const record = view.byId(id);
  if (!record) throw new Error('the view does not show what was started');
  return record;
}

async function end(cgroups: PodCgroups, pod: Stored<Pod>): Promise<void> {
  const { sandbox, containers } = view.pod(pod.metadata.uid);
  for (const r of [...containers.values()].flat()) await runtime.remove(r.id);
  if (sandbox) await runtime.remove(sandbox.id);
  await cgroups.remove(pod.metadata.uid);
}

/** Folder of a container's cgroup. */
async function folderOf(r: ContainerRecord): Promise<string> {
  const pid = await runtime.pidOf(r.id);
  return cgroupDirs(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), await ownMountinfo())?.cpu ?? '';
}

const read = (folder: string, ...files: string[]): string[] =>
  files.map((f) => readFileSync(join(folder, f), 'utf8').trim());

async function usageWhen(r: ContainerRecord, ok: (u: Usage) => boolean): Promise<Usage | undefined> {
  let last: Usage | undefined;
  await waitFor(
    'the usage',
    async () => {
      last = await usage.container(r);
      return last !== undefined && ok(last);
    },
    PATIENCE,
  ).catch(() => {});
  return last;
}

const GROUP = '/sys/fs/cgroup';
const BOUNDS = ['cpu.max', 'memory.max', 'cpu.weight'];

/** The checks of one driver, side by side; `path` is what the cgroup of a pod of a class is called there. */
function checksOf(driver: Driver, cgroups: PodCgroups, path: (qos: string, uid: string) => string): Checks {
  const uid = (name: string): string => `${name}-${driver}`;
  return {
    'a burstable pod lies in its class, both bounded; out of memory it is killed whole': async () => {
      const script = 'until [ -e /go ]; do sleep 0.2; done; tail -c 100m /dev/zero & sleep 3600';
      const o = { script, requests: { cpu: '100m', memory: '24Mi' }, limits: { cpu: '500m', memory: '24Mi' } };
      const pod = podOf(uid('burstable'), 'Burstable', o);
      const r = await start(cgroups, pod);
      const own = await folderOf(r);
      const classes = ['burstable', 'besteffort'].map((c) => read(dirname(GROUP + path(c, 'x')), 'cpu.weight'));
      const seen = [dirname(own), read(dirname(own), ...BOUNDS), read(own, ...BOUNDS), classes];
      writeFileSync(`/proc/${await runtime.pidOf(r.id)}/root/go`, '');
      const fate = (): unknown[] => {
        const { state, exitCode, oomKilled } = view.byId(r.id) ?? r;
        return [state, exitCode, oomKilled];
      };
      const dead = ['exited', 137, true];
      await waitFor('the end', async () => JSON.stringify(fate()) === JSON.stringify(dead), PATIENCE).catch(() => {});
      const told = fate();
      await end(cgroups, pod);
      const bounds = ['50000 100000', String(24 * MIB), String(weightOf(102))];
      return [
        [...seen, told, existsSync(dirname(own))],
        [GROUP + path('burstable', pod.metadata.uid), bounds, bounds, [[String(weightOf(102))], ['1']], dead, false],
      ];
    },
    'a guaranteed pod lies above the classes; what it uses is told and limited, limits change while it runs':
      async () => {
        const script = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=20; while :; do :; done';
        const limits = { cpu: '200m', memory: '64Mi' };
        const pod = podOf(uid('busy'), 'Guaranteed', { script, requests: limits, limits });
        const r = await start(cgroups, pod);
        const own = await folderOf(r);
        const memory = await usageWhen(r, (u) => u.workingSet >= 20 * MIB);
        const filled = memory !== undefined && memory.workingSet >= 20 * MIB && memory.memory <= 64 * MIB;
        const rate = (await usageWhen(r, (u) => u.windowMs >= 3000 && (u.cpuRate ?? 0) > 0))?.cpuRate ?? 0;
        const seen = [dirname(own), filled, rate > 0 && rate < 0.3e9 ? 'limited' : rate];
        const more = { cpu: '800m', memory: '96Mi' };
        const resized = podOf(uid('busy'), 'Guaranteed', { script, requests: more, limits: more });
        await cgroups.loosen(resized);
        await runtime.resize(r.id, cgroupLimits(mainOf(resized)));
        await cgroups.ensure(resized);
        const after = [dirname(own), own].map((f) => read(f, 'cpu.max', 'memory.max'));
        await end(cgroups, resized);
        const wide = ['80000 100000', String(96 * MIB)];
        return [
          [...seen, after],
          [GROUP + path('', uid('busy')), true, 'limited', [wide, wide]],
        ];
      },
    'a pod without requests is in the class of those; an agent that comes later finds it, and removes it': async () => {
      const pod = podOf(uid('left'), 'BestEffort', { script: 'sleep 3600' });
      const folder = dirname(await folderOf(await start(cgroups, pod)));
      const bounds = read(folder, ...BOUNDS);
      const later = await opened(driver);
      const found = (await later.podUids()).has(uid('left'));
      await end(later, pod);
      return [
        [folder, bounds, found, existsSync(folder), (await later.podUids()).has(uid('left'))],
        [GROUP + path('besteffort', uid('left')), ['max 100000', 'max', '1'], true, false, false],
      ];
    },
  };
}

const PATHS: Record<Driver, (qos: string, uid: string) => string> = {
  cgroupfs: (qos, uid) => `/kubepods/${qos ? `${qos}/` : ''}pod${uid}`,
  systemd: (qos, uid) => {
    const name = uid.replaceAll('-', '_');
    return qos
      ? `/kubepods.slice/kubepods-${qos}.slice/kubepods-${qos}-pod${name}.slice`
      : `/kubepods.slice/kubepods-pod${name}.slice`;
  },
};

async function opened(driver: string): Promise<PodCgroups> {
  const mountinfo = await ownMountinfo();
  const cgroups = await openPodCgroups({ root: '', driver, logger, mountinfo, exec: systemExec, podPidsLimit: 0 });
  if (!cgroups) throw new Error(`no cgroups with ${driver}`);
  return cgroups;
}

mkdirSync('/run/docker-data', { recursive: true });
for (const driver of ['cgroupfs', 'systemd'] as const) {
  const daemon = await dockerd(driver);
  const load = ['-H', `unix://${SOCKET}`, 'load', '-q', '-i', process.env.IMAGES ?? ''];
  if (driver === 'cgroupfs') await run('docker', load, { timeoutMs: 600_000 });
  console.log(`${driver}: dockerd runs after ${Math.round(performance.now())} ms`);
  const { cgroupDriver } = await runtime.info();
  const cgroups = await opened(cgroupDriver);
  const stop = new AbortController();
  await view.load();
  const following = view.run(stop.signal);
  const checks = Object.entries(checksOf(driver, cgroups, PATHS[driver]));
  await Promise.all(checks.map(([name, check]) => runChecks({ [`${cgroupDriver}: ${name}`]: check })));
  console.log(`${driver}: checked after ${Math.round(performance.now())} ms`);
  stop.abort();
  await following;
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  await gone;
}
process.exit(0);
