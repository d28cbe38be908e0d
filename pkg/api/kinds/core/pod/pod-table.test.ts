import { expect, test } from 'vitest';
import { row } from '../../fixtures.ts';
import { type Pod, Pods } from './pod.ts';
import type { ContainerStatus } from './status.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const status = (name: string, over: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
  ...over,
});
const running = { state: { running: { startedAt: '2026-01-01T00:30:00Z' } } };
const waiting = (reason: string) => ({ state: { waiting: { reason } } });
const ended = (exitCode: number, reason?: string, signal?: number) => ({
  state: { terminated: { exitCode, ...(reason ? { reason } : {}), ...(signal ? { signal } : {}) } },
});

const pod = (spec: Partial<NonNullable<Pod['spec']>>, st: Pod['status'], metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { name: 'p', creationTimestamp: '2026-01-01T00:30:00Z', ...metadata },
  spec: { containers: [{ name: 'a' }], ...spec },
  status: st,
});
const two = { containers: [{ name: 'a' }, { name: 'b' }] };
const init = { initContainers: [{ name: 'i' }, { name: 'j' }] };
const sidecar = { initContainers: [{ name: 's', restartPolicy: 'Always' }] };
const deleted = { deletionTimestamp: '2026-01-01T00:59:00Z' };

test.each<[string, Pod, string, string, string]>([
  ['pending', pod({}, { phase: 'Pending' }), '0/1', 'Pending', '0'],
  [
    'creating',
    pod({}, { phase: 'Pending', containerStatuses: [status('a', waiting('ContainerCreating'))] }),
    '0/1',
    'ContainerCreating',
    '0',
  ],
  [
    'running',
    pod({}, { phase: 'Running', containerStatuses: [status('a', { ...running, ready: true })] }),
    '1/1',
    'Running',
    '0',
  ],
  [
    'restarted',
    pod(
      {},
      {
        phase: 'Running',
        containerStatuses: [
          status('a', {
            ...running,
            ready: true,
            restartCount: 3,
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } },
          }),
        ],
      },
    ),
    '1/1',
    'Running',
    '3 (5m ago)',
  ],
  [
    'crash loop',
    pod(
      {},
      { phase: 'Running', containerStatuses: [status('a', { ...waiting('CrashLoopBackOff'), restartCount: 1 })] },
    ),
    '0/1',
    'CrashLoopBackOff',
    '1',
  ],
  [
    'completed',
    pod({}, { phase: 'Succeeded', containerStatuses: [status('a', ended(0, 'Completed'))] }),
    '0/1',
    'Completed',
    '0',
  ],
  [
    'failed without a reason',
    pod({}, { phase: 'Failed', containerStatuses: [status('a', ended(3))] }),
    '0/1',
    'ExitCode:3',
    '0',
  ],
  [
    'killed without a reason',
    pod({}, { phase: 'Failed', containerStatuses: [status('a', ended(137, undefined, 9))] }),
    '0/1',
    'Signal:9',
    '0',
  ],
  ['evicted', pod({}, { phase: 'Failed', reason: 'Evicted' }), '0/1', 'Evicted', '0'],
  [
    'one of two ended',
    pod(two, {
      phase: 'Running',
      containerStatuses: [status('a', ended(0, 'Completed')), status('b', { ...running, ready: true })],
    }),
    '1/2',
    'NotReady',
    '0',
  ],
  [
    'terminating',
    pod({}, { phase: 'Running', containerStatuses: [status('a', { ...running, ready: true })] }, deleted),
    '1/1',
    'Terminating',
    '0',
  ],
  [
    'ended and deleted',
    pod({}, { phase: 'Succeeded', containerStatuses: [status('a', ended(0, 'Completed'))] }, deleted),
    '0/1',
    'Completed',
    '0',
  ],
  ['lost', pod({}, { phase: 'Running', reason: 'NodeLost' }, deleted), '0/1', 'Unknown', '0'],
  [
    'first init runs',
    pod(init, {
      phase: 'Pending',
      initContainerStatuses: [status('i', running), status('j', waiting('PodInitializing'))],
    }),
    '0/1',
    'Init:0/2',
    '0',
  ],
  [
    'second init waits',
    pod(init, {
      phase: 'Pending',
      initContainerStatuses: [status('i', ended(0, 'Completed')), status('j', waiting('PodInitializing'))],
    }),
    '0/1',
    'Init:1/2',
    '0',
  ],
  [
    'init fails',
    pod(init, { phase: 'Pending', initContainerStatuses: [status('i', ended(1, 'Error'))] }),
    '0/1',
    'Init:Error',
    '0',
  ],
  [
    'init fails without a reason',
    pod(init, { phase: 'Pending', initContainerStatuses: [status('i', ended(2))] }),
    '0/1',
    'Init:ExitCode:2',
    '0',
  ],
  [
    'init crash loop',
    pod(init, {
      phase: 'Pending',
      initContainerStatuses: [status('i', { ...waiting('CrashLoopBackOff'), restartCount: 2 })],
    }),
    '0/1',
    'Init:CrashLoopBackOff',
    '2',
  ],
  [
    'after init',
    pod(init, {
      phase: 'Pending',
      initContainerStatuses: [status('i', { ...ended(0), restartCount: 4 }), status('j', ended(0))],
      containerStatuses: [status('a', waiting('PodInitializing'))],
    }),
    '0/1',
    'PodInitializing',
    '0',
  ],
  [
    'sidecar',
    pod(sidecar, {
      phase: 'Running',
      initContainerStatuses: [status('s', { ...running, started: true, ready: true, restartCount: 1 })],
      containerStatuses: [status('a', { ...running, ready: true })],
    }),
    '2/2',
    'Running',
    '1',
  ],
  [
    'gated',
    pod({}, { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
    '0/1',
    'SchedulingGated',
    '0',
  ],
])('%s', (_, p, ready, word, restarts) => {
  const cells = row(Pods, p, now);
  expect([cells.Ready, cells.Status, cells.Restarts]).toEqual([ready, word, restarts]);
});

test('wide columns', () => {
  const p = pod(
    { nodeName: 'n1', readinessGates: [{ conditionType: 'x' }, { conditionType: 'y' }] },
    { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'x', status: 'True' }] },
  );
  expect(row(Pods, p, now)).toMatchObject({
    Name: 'p',
    Age: '30m',
    IP: '10.0.0.1',
    Node: 'n1',
    'Nominated Node': '<none>',
    'Readiness Gates': '1/2',
  });
  expect(row(Pods, pod({}, {}), now)).toMatchObject({ IP: '<none>', Node: '<none>', 'Readiness Gates': '<none>' });
});

test('columns and their order are those of kubectl', () => {
  expect(Pods.columns.map((c) => `${c.name}${c.priority ? '*' : ''}`)).toEqual([
    'Name',
    'Ready',
    'Status',
    'Restarts',
    'Age',
    'IP*',
    'Node*',
    'Nominated Node*',
    'Readiness Gates*',
  ]);
});
