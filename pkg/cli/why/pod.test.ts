import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { answerText, typedNext } from './answer.ts';
import { lastingTrouble, whyPod, withWarnings } from './pod.ts';

const NOW = Date.parse('2026-11-21T10:00:00Z');

const pod = (o: { metadata?: object; spec?: object; status?: object }): Pod =>
  ({
    metadata: { name: 'web', namespace: 'shop', ...o.metadata },
    spec: o.spec ?? {},
    status: o.status ?? {},
  }) as unknown as Pod;

const container = (o: object) => ({ containerStatuses: [{ name: 'app', image: 'web:2', ready: false, ...o }] });

describe('why a pod does not run', () => {
  test.each([
    [
      'no node takes it',
      pod({ status: { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes: cpu' }] } }),
      /no node can take it\.\n {2}0\/1 nodes: cpu\nNext: cox describe nodes/,
    ],
    [
      'a bad image',
      pod({ status: container({ state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } }) }),
      /container "app": its image cannot be pulled\.\n {2}ErrImagePull: not found\n {2}image web:2\nNext: cox describe pod web/,
    ],
    [
      'a crash loop, with how it ended',
      pod({
        status: container({
          restartCount: 4,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
        }),
      }),
      /it ends again and again \(killed because it used more memory than its limit\)(?:.|\n)*restarted 4 times\nNext: cox logs web -c app --previous/,
    ],
    [
      'a failing probe',
      pod({ status: { phase: 'Running', ...container({ state: { running: {} } }) } }),
      /runs but is not ready(?:.|\n)*Next: cox events --for pod\/web/,
    ],
    [
      'finalizers',
      pod({ metadata: { deletionTimestamp: '2026-11-21T09:00:00Z', finalizers: ['a.example/b'] } }),
      /finalizers keep it\.\n {2}finalizer a\.example\/b/,
    ],
    [
      'a dead node',
      pod({ metadata: { deletionTimestamp: '2026-11-21T09:00:00Z' }, spec: { nodeName: 'node1' } }),
      /does not say that its processes have ended(?:.|\n)*Next: cox get node node1/,
    ],
    [
      'a node that does not answer, with containers that were ready',
      pod({
        spec: { nodeName: 'node1' },
        status: {
          ...container({ ready: true }),
          conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady' }],
        },
      }),
      /its node node1 does not say that it is ready\.\n {2}NodeNotReady\nNext: cox describe node node1/,
    ],
    [
      'a readiness gate',
      pod({
        spec: { readinessGates: [{ conditionType: 'a.test/ok' }] },
        status: { ...container({ ready: true }), conditions: [{ type: 'Ready', status: 'False' }] },
      }),
      /its readiness gate "a\.test\/ok" is not met/,
    ],
    [
      'eviction',
      pod({ status: { phase: 'Failed', reason: 'Evicted', message: 'disk' } }),
      /ended: Evicted\.\n {2}disk/,
    ],
  ])('%s', (_name, p, wanted) => {
    expect(answerText('pod/web', whyPod(p, NOW))).toMatch(wanted);
  });

  test('a pod that runs, or has done its work, is fine', () => {
    const ready = { phase: 'Running', containerStatuses: [{ name: 'app', ready: true, state: { running: {} } }] };
    expect(answerText('pod/web', whyPod(pod({ status: ready }), NOW))).toBe('pod/web is fine.\n');
    expect(whyPod(pod({ status: { phase: 'Succeeded' } }), NOW)).toBeUndefined();
  });

  test('a container that is just being made is no lasting trouble', () => {
    const making = container({ state: { waiting: { reason: 'ContainerCreating' } } });
    expect(lastingTrouble(pod({ status: making }))).toBeUndefined();
  });
});

test('the next command names the namespace of the command line, where it has one', () => {
  const there = { namespace: 'shop', namespaceGiven: true };
  expect(typedNext('cox logs web --previous', there)).toBe('cox logs web --previous -n shop');
  expect(typedNext('cox logs web --previous', { ...there, namespaceGiven: false })).toBe('cox logs web --previous');
  expect(typedNext('cox describe nodes', there)).toBe('cox describe nodes');
  expect(typedNext('cox get everything -n other', there)).toBe('cox get everything -n other');
});

test('events tell why a container is not started', () => {
  const starting = whyPod(pod({ status: container({ state: { waiting: { reason: 'ContainerCreating' } } }) }), NOW);
  const mount = 'FailedMount: configmap "c" not found';
  expect(starting && answerText('pod/web', withWarnings(starting, [mount]))).toMatch(
    /^pod\/web: container "app" cannot be started: a volume of its pod is not there\.\n {2}ContainerCreating\n {2}FailedMount: configmap "c" not found\n/,
  );
  expect(starting && withWarnings(starting, ['Other: x']).because).toBe('container "app" is being started');
});
