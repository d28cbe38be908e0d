import { describe, expect, test, vi } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { AdmittedPods, judged } from './admitted-pods.ts';

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
  test.each<[string, Pod, Stored<Pod>[], string | undefined]>([
    ['fits', pod('p', { cpu: '500m', memory: '1Gi' }), [half], undefined],
    ['cpu', pod('p', { cpu: '501m' }), [half], 'OutOfcpu'],
    ['memory', pod('p', { memory: '2Gi' }), [], 'OutOfmemory'],
    ['an extended resource', pod('p', { 'v.example/r': '2' }), [], 'OutOfv.example/r'],
    ['one the node does not know', pod('p', { 'x.example/r': '2' }), [], undefined],
    ['one that others count', pod('p', { 'w.example/r': '2' }), [], undefined],
    ['too many', pod('p'), [pod('1'), pod('2'), pod('3')], 'OutOfpods'],
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
    expect(judged(p, node, { others, uncounted }).failure?.reason).toBe(reason);
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
    expect(judged(p, tainted, { others: [], uncounted }).failure?.reason).toBe(reason);
  });

  test('says how much', () => {
    expect(judged(pod('p', { cpu: '1' }), node, { others: [half], uncounted }).failure?.message).toBe(
      "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000",
    );
  });
});

const CRITICAL = { priority: 2_000_000_000 };
const sure = (name: string, cpu: string): Stored<Pod> => {
  const amounts = { cpu, memory: '1Mi' };
  return pod(name, {}, { containers: [{ name: 'c', resources: { requests: amounts, limits: amounts } }] });
};

describe('for one the node needs', () => {
  const needed = pod('p', { cpu: '1' }, CRITICAL);
  test.each<[string, Pod, Stored<Pod>[], string[]]>([
    ['nobody goes while there is room', needed, [pod('a', { cpu: '1' })], []],
    ['who asked for nothing makes none', needed, [pod('a'), pod('b', { cpu: '2' })], ['b']],
    ['burstable ones go before guaranteed ones', needed, [sure('a', '1'), pod('b', { cpu: '1' })], ['b']],
    ['guaranteed ones go when it must be', needed, [sure('a', '1500m'), pod('b', { cpu: '100m' })], ['a']],
    [
      'the one that is enough goes alone',
      needed,
      [pod('a', { cpu: '400m' }), pod('b', { cpu: '600m' }), pod('c', { cpu: '1' })],
      ['c'],
    ],
    [
      'the smaller of two',
      needed,
      [pod('a', { cpu: '1100m', memory: '2Mi' }), pod('b', { cpu: '900m', memory: '1Mi' })],
      ['a'],
    ],
    [
      'for a place the smallest goes',
      pod('p', {}, CRITICAL),
      [pod('a', { memory: '2Mi' }), pod('b', { memory: '1Mi' }), pod('c', { memory: '3Mi' })],
      ['b'],
    ],
    [
      'a less critical one goes',
      pod('p', { cpu: '1' }, { priority: 2_000_001_000 }),
      [pod('a', { cpu: '2' }, CRITICAL)],
      ['a'],
    ],
  ])('%s', (_, p, others, expected) => {
    const verdict = judged(p, node, { others, uncounted });
    expect(verdict.failure).toBeUndefined();
    expect(verdict.victims?.map((v) => v.metadata.name) ?? []).toEqual(expected);
  });

  test.each<[string, Pod, Stored<Pod>[], RegExp]>([
    [
      'its like stays',
      needed,
      [pod('a', { cpu: '1500m' }, CRITICAL)],
      /^UnexpectedAdmissionError Pod was rejected: .*: \[\(res: cpu, q: 500\), \]$/,
    ],
    [
      'what is not for want of room is',
      pod('p', { cpu: '1' }, { ...CRITICAL, nodeSelector: { zone: 'b' } }),
      [pod('a', { cpu: '2' })],
      /^NodeAffinity/,
    ],
  ])('it is turned away: %s', (_, p, others, words) => {
    const { failure, victims } = judged(p, node, { others, uncounted });
    expect(`${failure?.reason} ${failure?.message}`).toMatch(words);
    expect(victims).toBeUndefined();
  });

  test('it waits until they are down, and nobody else gets what they leave', async () => {
    let running = [pod('a', { cpu: '2' }), needed, pod('late', { cpu: '1' })];
    const down = Promise.withResolvers<void>();
    const ended: string[] = [];
    const admitted = new AdmittedPods({
      ...{ node: () => node, freshNode: async () => node, running: () => running, uncounted },
      preempt: async (p) => {
        ended.push(p.metadata.name);
        await down.promise;
        running = running.filter((x) => x !== p);
      },
    });
    admitted.note('a');
    let isIn = false;
    const admission = admitted.admit(needed).then((failure) => {
      isIn = failure === undefined;
    });
    await vi.waitFor(() => expect(ended).toEqual(['a']));
    expect(isIn).toBe(false);
    down.resolve();
    await admission;
    expect(isIn).toBe(true);
    const late = running.at(-1) as Stored<Pod>;
    expect(await admitted.admit(late)).toBeUndefined();
    expect((await admitted.admit(pod('later', { cpu: '1' })))?.reason).toBe('OutOfcpu');
  });
});

const freshNode = async () => node;
const preempt = () => Promise.reject(new Error('nobody is critical'));

test('of two that do not fit together one is let in; those that ended make room', async () => {
  let running = [pod('old', { cpu: '500m' }), pod('a', { cpu: '1500m' }), pod('b', { cpu: '1500m' })];
  const admitted = new AdmittedPods({ node: () => node, freshNode, running: () => running, uncounted, preempt });
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
    preempt,
  });
  expect(await admitted.admit(pod('p', {}, { nodeSelector: { zone: 'b' } }))).toBeUndefined();
  expect((await admitted.admit(pod('q', {}, { nodeSelector: { zone: 'c' } })))?.reason).toBe('NodeAffinity');
});
