import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { AdmittedPods, misfit } from './admitted-pods.ts';

const allocatable = { cpu: '2', memory: '1Gi', pods: '3', 'v.example/r': '1' };
const node = { metadata: { name: 'n', labels: { zone: 'a' } }, status: { allocatable } } as unknown as Node;
const pod = (name: string, requests: object = {}, spec: object = {}, ports: object[] = []): Stored<Pod> =>
  ({
    metadata: { name, uid: name },
    spec: { containers: [{ name: 'c', resources: { requests }, ports }], ...spec },
  }) as unknown as Stored<Pod>;
const port = (hostPort: number, more: object = {}) => [{ containerPort: 1, hostPort, ...more }];
const uncounted = (resource: string) => resource.startsWith('w.');

describe('what does not fit', () => {
  const half = pod('half', { cpu: '1500m' });
  test.each<[string, Pod, Pod[], string | undefined]>([
    ['fits', pod('p', { cpu: '500m', memory: '1Gi' }), [half], undefined],
    ['cpu', pod('p', { cpu: '501m' }), [half], 'OutOfcpu'],
    ['memory', pod('p', { memory: '2Gi' }), [], 'OutOfmemory'],
    ['an extended resource', pod('p', { 'v.example/r': '2' }), [], 'OutOfv.example/r'],
    ['one the node does not know', pod('p', { 'x.example/r': '2' }), [], undefined],
    ['one that others count', pod('p', { 'w.example/r': '2' }), [], undefined],
    ['too many', pod('p'), [pod('1'), pod('2'), pod('3')], 'OutOfpods'],
    ['critical ones always', pod('p', { cpu: '9' }, { priority: 2_000_000_000 }), [], undefined],
    ['another zone', pod('p', {}, { nodeSelector: { zone: 'b' } }), [], 'NodeAffinity'],
    ['the same port', pod('p', {}, {}, port(80)), [pod('o', {}, {}, port(80))], 'NodePorts'],
    ['for another protocol', pod('p', {}, {}, port(80)), [pod('o', {}, {}, port(80, { protocol: 'UDP' }))], undefined],
    [
      'at another address',
      pod('p', {}, {}, port(80, { hostIP: '10.0.0.1' })),
      [pod('o', {}, {}, port(80, { hostIP: '10.0.0.2' }))],
      undefined,
    ],
    [
      'at all addresses',
      pod('p', {}, {}, port(80, { hostIP: '10.0.0.1' })),
      [pod('o', {}, {}, port(80, { hostIP: '0.0.0.0' }))],
      'NodePorts',
    ],
  ])('%s', (_, p, others, reason) => {
    expect(misfit(p, node, { others, uncounted })?.reason).toBe(reason);
  });

  const taint = { key: 'k', value: 'v', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' };
  const file = { metadata: { name: 'f', uid: 'f', annotations: { 'kubernetes.io/config.source': 'file' } } };
  test.each<[string, Pod, object, string | undefined]>([
    ['keeps pods out that do not tolerate it', pod('p'), taint, 'TaintToleration'],
    ['is tolerated', pod('p', {}, { tolerations: [{ key: 'k', operator: 'Exists' }] }), taint, undefined],
    [
      'is tolerated for a while',
      pod('p', {}, { tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3 }] }),
      taint,
      undefined,
    ],
    ['that only concerns the scheduler', pod('p'), { ...taint, effect: 'NoSchedule' }, undefined],
    ['is nothing to a static pod', { ...pod('p'), ...file }, taint, undefined],
  ])('a taint %s', (_, p, t, reason) => {
    const tainted = { ...node, spec: { taints: [t] } } as Node;
    expect(misfit(p, tainted, { others: [], uncounted })?.reason).toBe(reason);
  });

  test('says how much', () => {
    expect(misfit(pod('p', { cpu: '1' }), node, { others: [half], uncounted })?.message).toBe(
      "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000",
    );
  });
});

const freshNode = async () => node;

test('of two that do not fit together one is let in; those that ended make room', async () => {
  let running = [pod('old', { cpu: '500m' }), pod('a', { cpu: '1500m' }), pod('b', { cpu: '1500m' })];
  const admitted = new AdmittedPods({ node: () => node, freshNode, running: () => running, uncounted });
  admitted.note('old');
  const [, a, b] = running as [Stored<Pod>, Stored<Pod>, Stored<Pod>];
  expect(await admitted.admit(a)).toBeUndefined();
  expect(await admitted.admit(a)).toBeUndefined();
  expect((await admitted.admit(b))?.reason).toBe('OutOfcpu');
  running = running.filter((p) => p !== a);
  expect(await admitted.admit(b)).toBeUndefined();
});

test('a label that the scheduler knows and this agent does not yet keeps no pod out', async () => {
  const relabelled = { ...node, metadata: { name: 'n', labels: { zone: 'b' } } };
  const admitted = new AdmittedPods({
    node: () => node,
    freshNode: async () => relabelled,
    running: () => [],
    uncounted,
  });
  expect(await admitted.admit(pod('p', {}, { nodeSelector: { zone: 'b' } }))).toBeUndefined();
  expect((await admitted.admit(pod('q', {}, { nodeSelector: { zone: 'c' } })))?.reason).toBe('NodeAffinity');
});
