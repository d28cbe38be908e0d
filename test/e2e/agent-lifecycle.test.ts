import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { OUTCOMES, outcome, tellsItsWait } from './agent/outcomes.ts';
import {
  apply,
  conditionOf,
  endContainer,
  eventSaid,
  exec,
  getPod,
  isReady,
  listening,
  mainOf,
  onlyNode,
  PORTS,
  pod,
  readyAfter,
  shell,
  sleeper,
  startTarget,
} from './agent/pods.ts';
import { BAD, GOOD, probed, QUICK, READINESS } from './agent/probes.ts';

const cluster = useCluster('e2e-agent-lifecycle', { nodes: 1, apiservers: 1 });
const { node, until, docker, containersOf } = onlyNode(cluster);
const folder = (): string => join(node().dir, 'shared');
const shared = () => [{ name: 'shared', hostPath: { path: folder() } }];
const mounted = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
const written = (file: string): string => {
  const path = join(folder(), file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};
const sh = (script: string) => ({ exec: { command: ['sh', '-c', script] } });
let requests = '';

beforeAll(async () => {
  mkdirSync(folder(), { mode: 0o777 });
  requests = await startTarget(cluster());
});

describe('restartPolicy × exit code × probe outcome', () => {
  beforeAll(() =>
    apply(
      cluster(),
      ...OUTCOMES.map(([name, restartPolicy, script, more]) =>
        // The sick end in the grace of their probe alone.
        pod(name, shell(script, { ...more }), { restartPolicy, terminationGracePeriodSeconds: 3600 }),
      ),
    ),
  );

  test.each(OUTCOMES)('%s', async (name, policy, _script, _more, expected) => {
    const p = await until(name, (x) => {
      const seen = outcome(x) as Record<string, unknown>;
      const all = Object.entries(expected).every(([k, v]) => seen[k] === v);
      return all && (!expected.waiting || tellsItsWait(x));
    });
    const count = mainOf(p)?.restartCount ?? -1;
    if (expected.waiting) expect(count).toBeGreaterThanOrEqual(1);
    else expect(count).toBe(0);
    if (policy === 'Never' && expected.phase === 'Failed') {
      expect(conditionOf(p, 'Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' });
    }
  });

  test('why it was restarted is told', async () => {
    const told = (name: string, words: RegExp) => eventSaid(cluster(), name, 'Killing', words);
    await told('always-sick', /^Container main failed liveness probe, will be restarted$/);
    await told('always-slow', /^Container main failed startup probe, will be restarted$/);
  });

  test('of each container the last two are kept', async () => {
    await until('always-3', (x) => (mainOf(x)?.restartCount ?? 0) >= 2);
    await waitFor('they are', async () => (await containersOf('always-3')).length === 2);
  });

  test('the count of restarts goes on when the containers were taken away', async () => {
    await apply(cluster(), pod('counted', sleeper()));
    await until('counted', isReady);
    await endContainer(cluster(), 'counted');
    await until('counted', (x) => mainOf(x)?.restartCount === 1 && isReady(x));
    await docker('rm', '-f', ...(await containersOf('counted')));
    const p = await until('counted', (x) => mainOf(x)?.restartCount === 2 && isReady(x));
    expect(mainOf(p)?.lastState?.terminated?.exitCode).toBe(137);
  });
});

describe('what cannot be started says why', () => {
  const bare = (image: string, more: object = {}) => ({ name: 'main', image, imagePullPolicy: 'Never', ...more });
  const env = { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'absent', key: 'a' } } }] };
  const root = { securityContext: { runAsNonRoot: true } };
  const table: readonly (readonly [string, Record<string, unknown>, string, RegExp])[] = [
    ['no-image', bare('coxswain/nothing:1'), 'ErrImageNeverPull', /is not present with pull policy of Never/],
    ['bad-image', bare('Not//valid'), 'InvalidImageName', /invalid reference format/],
    ['no-pull', bare('registry.invalid/x:1', { imagePullPolicy: 'Always' }), 'ImagePullBackOff', /Back-off pulling/],
    ['no-config', shell('true', env), 'CreateContainerConfigError', /configmap "absent" not found/],
    ['is-root', shell('true', root), 'CreateContainerConfigError', /runAsNonRoot and image will run as root/],
    ['no-command', shell('', { command: ['/absent'] }), 'CrashLoopBackOff', /back-off \d+\S* restarting failed/],
  ];

  beforeAll(() => apply(cluster(), ...table.map(([name, c]) => pod(name, c))));

  test.each(table)('%s', async (name, _c, reason, message) => {
    const p = await until(name, (x) => mainOf(x)?.state?.waiting?.reason === reason);
    expect(mainOf(p)?.state?.waiting?.message).toMatch(message);
    expect(p.status?.phase).toBe(name === 'no-command' ? 'Running' : 'Pending');
    if (name !== 'no-command') return;
    const last = mainOf(p)?.lastState?.terminated;
    expect(last).toMatchObject({ reason: 'StartError', exitCode: 128, startedAt: '1970-01-01T00:00:00Z' });
    expect(last?.message).toContain('/absent');
  });

  test('and starts once the cause is gone', async () => {
    await cluster().kubectlOk(['create', 'configmap', 'absent', '--from-literal=a=1']);
    await until('no-config', (x) => mainOf(x)?.state?.terminated?.reason ?? mainOf(x)?.lastState?.terminated?.reason);
  });

  test('a pod is deleted while its image is being pulled', async () => {
    const image = `${node().address}:${PORTS.silent}/slow:1`;
    await apply(cluster(), pod('pulling', bare(image, { imagePullPolicy: 'Always' })));
    await eventSaid(cluster(), 'pulling', 'Pulling');
    // The pull itself would go on for ten minutes.
    await cluster().kubectlOk(['delete', 'pod', 'pulling', '--timeout=100s']);
  });
});

describe('the status tells the truth, whoever else writes it', () => {
  const patch = (name: string, status: object) => {
    const how = ['--subresource=status', '--type=strategic', '-p', JSON.stringify({ status })];
    return cluster().kubectlOk(['patch', 'pod', name, ...how]);
  };

  test('what is the node’s is put right, and what is not stays', async () => {
    await apply(cluster(), pod('told', sleeper(), { readinessGates: [{ conditionType: 'example.com/open' }] }));
    const p = await until('told', (x) => conditionOf(x, 'ContainersReady')?.status === 'True');
    expect(conditionOf(p, 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
    await patch('told', { conditions: [{ type: 'example.com/open', status: 'True' }] });
    await until('told', isReady);
    const lie = { ...mainOf(p), ready: false, restartCount: 77, state: { waiting: { reason: 'Lie' } } };
    await patch('told', { containerStatuses: [lie], message: 'lie', conditions: [{ type: 'Ready', status: 'False' }] });
    const after = await until('told', (x) => isReady(x) && mainOf(x)?.restartCount === 0 && !x.status?.message);
    expect(mainOf(after)).toMatchObject({ ready: true, containerID: mainOf(p)?.containerID });
    expect(conditionOf(after, 'example.com/open')?.status).toBe('True');
    await patch('told', { conditions: [{ type: 'example.com/open', status: 'False' }] });
    const closed = await until('told', (x) => !isReady(x));
    expect(conditionOf(closed, 'Ready')?.message).toContain('is not "True", but False');
  });
});

describe('init containers and sidecars', () => {
  const say = (name: string, then = '') => shell(`echo ${name} >> /shared/order; ${then}`, { name, ...mounted });
  const endless = (name: string) =>
    shell(`trap "echo end-${name} >> /shared/order; exit 0" TERM; echo ${name} >> /shared/order; sleep 3600 & wait`, {
      name,
      ...mounted,
    });
  const sidecar = (name: string) => ({
    ...endless(name),
    restartPolicy: 'Always',
    startupProbe: {
      exec: { command: ['grep', '-q', name, '/shared/order'] },
      ...{ periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 60 },
    },
  });

  test('start in order, and sidecars end last, in reverse; their hooks run while the others end', async () => {
    // Hooks and the app wait for each other.
    const preStop = sh('echo >>/shared/hooks-run; until grep end-app /shared/order; do sleep 0.1; done');
    const side = (name: string) => ({ ...sidecar(name), lifecycle: { preStop } });
    const initContainers = [say('first', 'sleep 1'), side('side-a'), say('second'), side('side-b')];
    const end = 'until [ "$(wc -l </shared/hooks-run)" = 2 ]; do sleep 0.1; done; echo end-app >>/shared/order; exit 0';
    const script = `end() { ${end}; }; trap end TERM; echo app >>/shared/order; sleep 3600 & wait`;
    const app = shell(script, { name: 'app', ...mounted });
    const spec = { initContainers, containers: [app], volumes: shared(), terminationGracePeriodSeconds: 60 };
    await apply(cluster(), pod('ordered', {}, spec));
    const p = await until('ordered', isReady);
    await waitFor('the last one speaks', () => written('order').includes('app\n'));
    expect(written('order')).toBe('first\nside-a\nsecond\nside-b\napp\n');
    expect(p.status?.initContainerStatuses?.map((s) => s.state?.terminated?.reason ?? s.started)).toEqual([
      'Completed',
      true,
      'Completed',
      true,
    ]);
    await cluster().kubectlOk(['delete', 'pod', 'ordered', '--timeout=100s']);
    expect(written('order').split('\n').slice(5, 8)).toEqual(['end-app', 'end-side-b', 'end-side-a']);
  });

  test.each([
    ['Never', 'Failed', 'Error'],
    ['OnFailure', 'Pending', 'CrashLoopBackOff'],
  ])('one that fails under %s', async (restartPolicy, phase, reason) => {
    const name = `init-fails-${restartPolicy.toLowerCase()}`;
    await apply(
      cluster(),
      pod(name, sleeper(), { restartPolicy, initContainers: [shell('exit 2', { name: 'init' })] }),
    );
    const stateOf = (x: Pod) => x.status?.initContainerStatuses?.[0]?.state;
    const p = await until(name, (x) => (stateOf(x)?.terminated ?? stateOf(x)?.waiting)?.reason === reason);
    expect(p.status?.phase).toBe(phase);
    // Where it is tried again its sandbox is there; where the pod has ended it goes.
    const sandbox = restartPolicy === 'Never' ? 'False' : 'True';
    await until(name, (x) => conditionOf(x, 'PodReadyToStartContainers')?.status === sandbox);
    expect(mainOf(p)?.state?.waiting?.reason).toBe('PodInitializing');
    expect(conditionOf(p, 'Initialized')).toMatchObject({ status: 'False', reason: 'ContainersNotInitialized' });
  });

  test('a sick sidecar is restarted, the others go on', async () => {
    const livenessProbe = { exec: { command: ['grep', 'on', '/shared/side'] }, periodSeconds: 1, timeoutSeconds: 20 };
    const side = shell('echo on > /shared/side; trap "exit 0" TERM; sleep 3600 & wait', { name: 'side', ...mounted });
    const initContainers = [{ ...side, livenessProbe, restartPolicy: 'Always' }];
    // The probe may come before the container has done anything.
    writeFileSync(join(folder(), 'side'), 'on');
    await apply(cluster(), pod('nursed', sleeper(mounted), { initContainers, volumes: shared() }));
    await until('nursed', isReady);
    await exec(cluster(), 'nursed', 'echo off > /shared/side');
    const p = await until('nursed', (x) => (x.status?.initContainerStatuses?.[0]?.restartCount ?? 0) > 0 && isReady(x));
    expect(mainOf(p)).toMatchObject({ restartCount: 0, ready: true });
    // By force it is gone for the API at once, for the node as soon as may be.
    await cluster().kubectlOk(['delete', 'pod', 'nursed', '--force', '--grace-period=0']);
    const left = ['ps', '-aq', '--filter', `label=io.coxswain.pod.uid=${p.metadata?.uid}`];
    await waitFor('its containers are gone', async () => (await docker(...left)) === '', { timeoutMs: 120_000 });
  });

  test('a sidecar does not keep a pod from its end', async () => {
    const hears = shell('trap "exit 0" TERM; touch /shared/hears; sleep 3600 & wait', { name: 'side', ...mounted });
    const initContainers = [{ ...hears, restartPolicy: 'Always' }];
    const main = shell('until [ -e /shared/hears ]; do sleep 0.2; done', mounted);
    const spec = { restartPolicy: 'Never', initContainers, volumes: shared(), terminationGracePeriodSeconds: 30 };
    await apply(cluster(), pod('job', main, spec));
    const p = await until(
      'job',
      (x) => x.status?.phase === 'Succeeded' && x.status.initContainerStatuses?.[0]?.state?.terminated,
    );
    expect(p.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
  });
});

describe('hooks', () => {
  const http = (path: string) => ({ httpGet: { host: node().address, port: PORTS.http, path } });
  const asked = (path: string): boolean => existsSync(requests) && readFileSync(requests, 'utf8').includes(path);

  test('postStart is over before the container is ready; preStop runs before SIGTERM, inside the grace', async () => {
    const lifecycle = {
      postStart: sh('sleep 1; echo started >> /shared/hooks'),
      preStop: sh('sleep 1; echo stopping >> /shared/hooks'),
    };
    const script = 'trap "echo term >> /shared/hooks; exit 0" TERM; sleep 3600 & wait';
    const spec = { terminationGracePeriodSeconds: 60, volumes: shared() };
    await apply(cluster(), pod('hooked', shell(script, { ...mounted, lifecycle }), spec));
    await until('hooked', isReady);
    expect(written('hooks')).toBe('started\n');
    await listening(cluster(), 'hooked');
    await cluster().kubectlOk(['delete', 'pod', 'hooked', '--timeout=100s']);
    expect(written('hooks')).toBe('started\nstopping\nterm\n');
  });

  test('over HTTP, and as a sleep', async () => {
    const over = { lifecycle: { postStart: http('/post-start'), preStop: http('/pre-stop') } };
    const pause = { lifecycle: { postStart: { sleep: { seconds: 3 } }, preStop: { sleep: { seconds: 3 } } } };
    const spec = { terminationGracePeriodSeconds: 60 };
    await apply(cluster(), pod('asking', sleeper(over), spec), pod('pausing', sleeper(pause), spec));
    await waitFor('postStart was asked', () => asked('/post-start'));
    expect(readyAfter(await until('pausing', isReady))).toBeGreaterThanOrEqual(2);
    const since = Date.now();
    await cluster().kubectlOk(['delete', 'pod', 'asking', 'pausing', '--timeout=100s']);
    expect(Date.now() - since).toBeGreaterThan(3000);
    expect(asked('/pre-stop')).toBe(true);
  });

  test('a preStop hook that does not end is cut off with the grace', async () => {
    const lifecycle = { preStop: sh('sleep 3600') };
    await apply(cluster(), pod('stuck', sleeper({ lifecycle }), { terminationGracePeriodSeconds: 2 }));
    await until('stuck', isReady);
    // The hook itself would go on for an hour.
    await cluster().kubectlOk(['delete', 'pod', 'stuck', '--timeout=100s']);
  });

  test('a postStart hook that fails ends the container', async () => {
    await apply(cluster(), pod('unhooked', sleeper({ lifecycle: { postStart: sh('echo no; exit 4') } })));
    await until('unhooked', (x) => (mainOf(x)?.restartCount ?? 0) > 0);
    await eventSaid(cluster(), 'unhooked', 'FailedPostStartHook', /no/);
  });
});

test('last words: from a file, a path of its own, or the log', async () => {
  const never = { restartPolicy: 'Never' };
  const say = 'echo from the log; echo from the file > "$FILE"; exit 1';
  const to = (value: string) => ({ env: [{ name: 'FILE', value }] });
  const own = { terminationMessagePath: '/tmp/words', ...to('/tmp/words') };
  const log = { terminationMessagePolicy: 'FallbackToLogsOnError' };
  await apply(
    cluster(),
    pod('words-file', shell(say, to('/dev/termination-log')), never),
    pod('words-path', shell(say, own), never),
    pod('words-log', shell('echo from the log; exit 1', log), never),
    pod('words-none', shell('echo from the log', log), never),
  );
  const message = async (name: string) =>
    mainOf(await until(name, (x) => mainOf(x)?.state?.terminated))?.state?.terminated?.message;
  expect(await message('words-file')).toBe('from the file\n');
  expect(await message('words-path')).toBe('from the file\n');
  expect(await message('words-log')).toBe('from the log\n');
  expect(await message('words-none')).toBeUndefined();
});

test('activeDeadlineSeconds ends a pod', async () => {
  await apply(cluster(), pod('late', sleeper(), { activeDeadlineSeconds: 2 }));
  const p = await until('late', (x) => x.status?.phase === 'Failed' && !mainOf(x)?.state?.running);
  expect(p.status).toMatchObject({ reason: 'DeadlineExceeded' });
  expect(await eventSaid(cluster(), 'late', 'DeadlineExceeded')).toHaveLength(1);
});

describe('probes', () => {
  const started = probed('startupProbe', GOOD);
  const ailing = [...probed('startupProbe', BAD), ...probed('livenessProbe', BAD)];

  beforeAll(() =>
    apply(
      cluster(),
      pod('started', {}, { hostNetwork: true, containers: started }),
      pod('sick', {}, { hostNetwork: true, containers: ailing }),
      ...READINESS.map(([name, probe]) =>
        pod(name, sleeper({ readinessProbe: { ...QUICK, ...probe } }), { hostNetwork: true }),
      ),
    ),
  );

  test.each(READINESS)('readiness: %s', async (name, probe, complaint) => {
    if (!complaint) {
      const p = await until(name, isReady);
      // Two seconds and two more periods, as far as whole seconds tell.
      if ('successThreshold' in probe) expect(readyAfter(p)).toBeGreaterThanOrEqual(3);
      return;
    }
    await eventSaid(cluster(), name, 'Unhealthy', complaint);
    const p = await until(name, (x) => mainOf(x)?.state?.running);
    expect([isReady(p), mainOf(p)?.restartCount]).toEqual([false, 0]);
  });

  test('startup and liveness by each of them', async () => {
    await until('started', isReady);
    const restarted = (p: Pod) => p.status?.containerStatuses?.filter((s) => s.restartCount > 0).length;
    await until('sick', (p) => restarted(p) === ailing.length);
  });

  test('the startup probe holds the others back', async () => {
    const probes = {
      startupProbe: { ...QUICK, exec: { command: ['test', '-f', '/tmp/up'] }, failureThreshold: 600 },
      livenessProbe: { ...QUICK, exec: { command: ['test', '-f', '/tmp/up'] }, terminationGracePeriodSeconds: 1 },
      readinessProbe: { ...QUICK, exec: { command: ['test', '-f', '/tmp/ready'] } },
    };
    await apply(cluster(), pod('starting', sleeper(probes)));
    await waitFor('the startup probe failed thrice', async () => {
      const text = await cluster().kubectlOk(['describe', 'pod', 'starting']);
      return /x([3-9]|\d\d+) over.*Startup probe failed/.test(text);
    });
    expect(mainOf(await getPod(cluster(), 'starting'))).toMatchObject({ started: false, restartCount: 0 });
    await exec(cluster(), 'starting', 'touch /tmp/up');
    expect(mainOf(await until('starting', (x) => mainOf(x)?.started))).toMatchObject({ ready: false });
    await exec(cluster(), 'starting', 'touch /tmp/ready');
    await until('starting', isReady);
    await exec(cluster(), 'starting', 'rm /tmp/ready');
    await until('starting', (x) => !isReady(x));
    expect(mainOf(await getPod(cluster(), 'starting'))?.restartCount).toBe(0);
    await exec(cluster(), 'starting', 'rm /tmp/up');
    await until('starting', (x) => mainOf(x)?.restartCount === 1);
  });
});
