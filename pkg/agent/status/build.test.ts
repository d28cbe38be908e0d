import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import { buildStatus, outcomeOf } from './build.ts';
import { toldFailure } from './conditions.ts';
import type { StatusInput } from './input.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const NOW_TEXT = '2026-01-02T03:04:05Z';
const EARLIER = '2026-01-01T00:00:00Z';

const record = (name: string, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  id: `${name || 'sandbox'}${more.attempt ?? 0}`,
  podUid: 'u',
  namespace: 'ns',
  pod: 'p',
  name,
  attempt: 0,
  hash: 'h',
  sandboxId: name ? 'sandbox0' : '',
  image: 'i',
  state: 'running',
  exitCode: 0,
  oomKilled: false,
  createdAt: NOW,
  startedAt: NOW,
  finishedAt: NOW,
  ...more,
});
const exited = (name: string, exitCode: number, more: Partial<ContainerRecord> = {}) =>
  record(name, { state: 'exited', exitCode, ...more });

interface Sketch {
  init?: { name: string; restartPolicy?: string }[];
  app?: string[];
  policy?: string;
  records?: ContainerRecord[];
  gates?: string[];
  status?: object;
  waiting?: Record<string, { reason: string; message: string }>;
  unready?: string[];
  failure?: { reason: string; message: string; disruption?: true | string };
  over?: boolean;
  messages?: Record<string, string>;
}

function input(s: Sketch): StatusInput {
  const containers = new Map<string, ContainerRecord[]>();
  for (const r of s.records ?? []) containers.set(r.name, [...(containers.get(r.name) ?? []), r]);
  return {
    pod: {
      spec: {
        restartPolicy: s.policy ?? 'Always',
        ...(s.init ? { initContainers: s.init } : {}),
        containers: (s.app ?? ['a']).map((name) => ({ name, image: 'img' })),
        readinessGates: (s.gates ?? []).map((conditionType) => ({ conditionType })),
      },
      status: s.status,
    } as unknown as Pod,
    runtime: { sandbox: record(''), staleSandboxes: [], containers },
    podIps: ['10.244.0.5', 'fd00:10:244::5'],
    hostIps: ['172.18.0.2', 'fd00::2'],
    now: NOW,
    startedAt: NOW,
    failure: s.failure,
    over: s.over ?? false,
    message: (id) => s.messages?.[id] ?? '',
    waiting: (name) => s.waiting?.[name],
    ready: (r) => !s.unready?.includes(r.name),
    started: () => true,
    imageId: (image) => `id-of-${image}`,
  };
}

const init = [{ name: 'i' }];
const sidecar = [{ name: 's', restartPolicy: 'Always' }];

test.each<[string, Sketch, string]>([
  ['nothing yet', {}, 'Pending'],
  ['created, not started', { records: [record('a', { state: 'created' })] }, 'Pending'],
  ['running', { records: [record('a')] }, 'Running'],
  ['one of two not there yet', { app: ['a', 'b'], records: [record('a')] }, 'Pending'],
  ['init runs', { init, records: [record('i')] }, 'Pending'],
  ['init failed, to be tried again', { init, records: [exited('i', 1)] }, 'Pending'],
  ['init failed for good', { init, policy: 'Never', records: [exited('i', 1)] }, 'Failed'],
  ['init done, app not there', { init, records: [exited('i', 0)] }, 'Pending'],
  ['sidecar not there', { init: sidecar, records: [record('a')] }, 'Pending'],
  ['a sidecar still runs', { init: sidecar, policy: 'Never', records: [record('s'), exited('a', 0)] }, 'Running'],
  [
    'a sidecar still runs, and init has failed for good',
    { init: [...sidecar, ...init], policy: 'Never', records: [record('s'), exited('i', 1)] },
    'Pending',
  ],
  ['a sidecar has ended', { init: sidecar, policy: 'Never', records: [exited('s', 143), exited('a', 0)] }, 'Succeeded'],
  ['crashed, to be started again', { records: [exited('a', 1)] }, 'Running'],
  ['between attempts', { records: [record('a', { state: 'created', attempt: 1 }), exited('a', 1)] }, 'Running'],
  ['Always never succeeds', { records: [exited('a', 0)] }, 'Running'],
  ['OnFailure succeeds', { policy: 'OnFailure', records: [exited('a', 0)] }, 'Succeeded'],
  ['OnFailure does not fail', { policy: 'OnFailure', records: [exited('a', 1)] }, 'Running'],
  ['one failed is failed', { app: ['a', 'b'], policy: 'Never', records: [exited('a', 0), exited('b', 1)] }, 'Failed'],
  ['one still runs', { app: ['a', 'b'], policy: 'Never', records: [exited('a', 1), record('b')] }, 'Running'],
])('phase: %s', (_, sketch, phase) => {
  expect(buildStatus(input(sketch)).phase).toBe(phase);
});

const evicted = { reason: 'Evicted', message: 'too much', disruption: true as const };

test.each<[string, Sketch, string, string]>([
  ['while it runs', { records: [record('a')] }, 'Running', 'True TerminationByKubelet'],
  [
    'while its last container runs',
    { app: ['a', 'b'], records: [exited('a', 0), record('b')] },
    'Running',
    'True TerminationByKubelet',
  ],
  [
    'while it is being initialized',
    { init, policy: 'Never', records: [record('i')] },
    'Pending',
    'True TerminationByKubelet',
  ],
  ['when all is down', { records: [exited('a', 0)], over: true }, 'Failed', 'True TerminationByKubelet'],
  ['before anything of it ran', {}, 'Failed', 'True TerminationByKubelet'],
])('a pod its node ends is told of at once, as Failed only when it is: %s', (_, sketch, phase, disrupted) => {
  const i = input({ ...sketch, failure: evicted });
  expect(outcomeOf(i)).toBe('Failed');
  const status = buildStatus(i);
  expect(status).toMatchObject({ phase, reason: 'Evicted', message: 'too much' });
  expect(conditions({ ...sketch, failure: evicted }).DisruptionTarget).toBe(disrupted);
  // An agent that is started anew meanwhile knows of it.
  expect(toldFailure(status)).toEqual(phase === 'Failed' ? undefined : { ...evicted, disruption: 'too much' });
});

test('for whose sake a pod is ended may be told in words of its own, also by the next agent', () => {
  const failure = { reason: 'Preempting', message: 'm', disruption: 'for another' };
  const status = buildStatus(input({ records: [record('a')], failure }));
  expect(status.conditions?.find((c) => c.type === 'DisruptionTarget')?.message).toBe('for another');
  expect(toldFailure(status)).toEqual(failure);
});

test('a sidecar keeps nothing from its end: the pod has come to its own', () => {
  expect(outcomeOf(input({ init: sidecar, policy: 'Never', records: [record('s'), exited('a', 0)] }))).toBe(
    'Succeeded',
  );
  expect(outcomeOf(input({ init: sidecar, records: [record('s'), exited('a', 0)] }))).toBe('Running');
});

test('what others disrupt is not ended by this node', () => {
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' } as const;
  expect(toldFailure({ phase: 'Running', reason: 'x', conditions: [condition] })).toBeUndefined();
  expect(toldFailure({ phase: 'Running' })).toBeUndefined();
});

const first = (s: Sketch) => buildStatus(input(s)).containerStatuses?.[0];

describe('container status', () => {
  test('running', () => {
    expect(first({ records: [record('a', { attempt: 2 }), exited('a', 7, { attempt: 1 })] })).toMatchObject({
      ready: true,
      started: true,
      restartCount: 2,
      imageID: 'id-of-img',
      containerID: 'docker://a2',
      state: { running: { startedAt: NOW_TEXT } },
      lastState: { terminated: { exitCode: 7, reason: 'Error', containerID: 'docker://a1' } },
    });
  });

  test.each<[string, Sketch, object]>([
    ['being created', {}, { waiting: { reason: 'ContainerCreating' } }],
    ['behind init containers', { init }, { waiting: { reason: 'PodInitializing' } }],
    [
      'without image',
      { waiting: { a: { reason: 'ErrImagePull', message: 'no' } } },
      { waiting: { reason: 'ErrImagePull', message: 'no' } },
    ],
    [
      'in crash back-off',
      { records: [exited('a', 1)], waiting: { a: { reason: 'CrashLoopBackOff', message: 'm' } } },
      { waiting: { reason: 'CrashLoopBackOff', message: 'm' } },
    ],
    ['completed', { records: [exited('a', 0)] }, { terminated: { reason: 'Completed', exitCode: 0 } }],
    ['failed', { records: [exited('a', 2)] }, { terminated: { reason: 'Error', exitCode: 2 } }],
    [
      'out of memory',
      { records: [exited('a', 137, { oomKilled: true })] },
      { terminated: { reason: 'OOMKilled', exitCode: 137 } },
    ],
    [
      'not startable',
      { records: [exited('a', 128, { error: 'no such file' })] },
      { terminated: { reason: 'StartError', message: 'no such file' } },
    ],
  ])('%s', (_, sketch, state) => {
    const s = first(sketch);
    expect(s?.state).toMatchObject(state);
    expect(s?.ready).toBe(false);
  });

  test('a crash that is waited out stays visible as the last state', () => {
    const s = first({ records: [exited('a', 9)], waiting: { a: { reason: 'CrashLoopBackOff', message: 'm' } } });
    expect(s?.lastState?.terminated?.exitCode).toBe(9);
  });

  test('times once told stay', () => {
    const told = { name: 'a', containerID: 'docker://a0', state: { running: { startedAt: EARLIER } } };
    const of = (records: ContainerRecord[]) => first({ records, status: { containerStatuses: [told] } });
    expect(of([record('a')])?.state?.running?.startedAt).toBe(EARLIER);
    expect(of([exited('a', 1)])?.state?.terminated).toMatchObject({ startedAt: EARLIER, finishedAt: NOW_TEXT });
    expect(of([record('a', { attempt: 1 })])?.state?.running?.startedAt).toBe(NOW_TEXT);
  });

  test('what was running and is gone without a trace has ended somehow', () => {
    const status = {
      containerStatuses: [{ name: 'a', restartCount: 1, containerID: 'docker://x', state: { running: {} } }],
    };
    const unknown = { exitCode: 137, reason: 'ContainerStatusUnknown', containerID: 'docker://x' };
    expect(first({ status })).toMatchObject({
      restartCount: 1,
      state: { waiting: {} },
      lastState: { terminated: unknown },
    });
    expect(first({ status, policy: 'Never' })).toMatchObject({ restartCount: 1, state: { terminated: unknown } });
  });

  test('the last end is remembered when its container was taken away', () => {
    const last = { exitCode: 2, containerID: 'docker://old' };
    const status = { containerStatuses: [{ name: 'a', containerID: 'docker://a1', lastState: { terminated: last } }] };
    expect(first({ records: [record('a', { attempt: 1 })], status })?.lastState?.terminated).toEqual(last);
  });

  test('what ended stays ended when its container is gone', () => {
    const ended = { name: 'a', restartCount: 3, state: { terminated: { exitCode: 4 } } };
    expect(first({ status: { containerStatuses: [ended] } })).toEqual(ended);
  });
});

const conditions = (s: Sketch) =>
  Object.fromEntries(
    (buildStatus(input(s)).conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason ?? ''}`.trim()]),
  );

describe('conditions', () => {
  test.each<[string, Sketch, Record<string, string>]>([
    [
      'ready',
      { records: [record('a')] },
      { PodReadyToStartContainers: 'True', Initialized: 'True', ContainersReady: 'True', Ready: 'True' },
    ],
    [
      'not ready',
      { records: [record('a')], unready: ['a'] },
      { ContainersReady: 'False ContainersNotReady', Ready: 'False ContainersNotReady' },
    ],
    ['initializing', { init, records: [record('i')] }, { Initialized: 'False ContainersNotInitialized' }],
    ['initialized', { init, records: [exited('i', 0), record('a')] }, { Initialized: 'True', Ready: 'True' }],
    [
      'a sidecar that is not ready',
      { init: sidecar, records: [record('s'), record('a')], unready: ['s'] },
      { Initialized: 'True', ContainersReady: 'False ContainersNotReady', Ready: 'False ContainersNotReady' },
    ],
    [
      'a sidecar that has not started',
      { init: sidecar, records: [exited('s', 1)] },
      { Initialized: 'False ContainersNotInitialized' },
    ],
    [
      'a sidecar that ended well, and is started anew',
      { init: sidecar, records: [exited('s', 0), record('a')] },
      { Initialized: 'True', ContainersReady: 'False ContainersNotReady', Ready: 'False ContainersNotReady' },
    ],
    [
      'succeeded',
      { policy: 'Never', records: [exited('a', 0)] },
      { Initialized: 'True PodCompleted', ContainersReady: 'False PodCompleted', Ready: 'False PodCompleted' },
    ],
    [
      'failed',
      { policy: 'Never', records: [exited('a', 1)] },
      { Initialized: 'True', ContainersReady: 'False PodFailed', Ready: 'False PodFailed' },
    ],
    [
      'failed before the app began',
      { init, policy: 'Never', records: [exited('i', 1)] },
      { Initialized: 'False ContainersNotInitialized', Ready: 'False PodFailed' },
    ],
    [
      'a gate that is closed',
      { records: [record('a')], gates: ['x/open'] },
      { ContainersReady: 'True', Ready: 'False ReadinessGatesNotReady' },
    ],
    [
      'a gate that is open',
      { records: [record('a')], gates: ['x/open'], status: { conditions: [{ type: 'x/open', status: 'True' }] } },
      { 'x/open': 'True', Ready: 'True' },
    ],
  ])('%s', (_, sketch, expected) => {
    expect(conditions(sketch)).toMatchObject(expected);
  });

  test('unready containers are named', () => {
    const { conditions: all } = buildStatus(
      input({ app: ['a', 'b'], records: [record('a'), record('b')], unready: ['a', 'b'] }),
    );
    expect(all?.find((c) => c.type === 'Ready')?.message).toBe('containers with unready status: [a b]');
  });

  test('the time of the last change stays while nothing changes', () => {
    const old = { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: EARLIER }] };
    const time = (s: Sketch) => buildStatus(input(s)).conditions?.find((c) => c.type === 'Ready')?.lastTransitionTime;
    expect(time({ records: [record('a')], status: old })).toBe(EARLIER);
    expect(time({ records: [record('a')], status: old, unready: ['a'] })).toBe(NOW_TEXT);
  });
});

test('the phase of a pod that ended never changes again', () => {
  expect(buildStatus(input({ records: [record('a')], status: { phase: 'Failed' } })).phase).toBe('Failed');
});

test('addresses and start', () => {
  expect(buildStatus(input({ records: [record('a')], status: { startTime: EARLIER } }))).toMatchObject({
    hostIP: '172.18.0.2',
    podIP: '10.244.0.5',
    podIPs: [{ ip: '10.244.0.5' }, { ip: 'fd00:10:244::5' }],
    startTime: EARLIER,
  });
});
