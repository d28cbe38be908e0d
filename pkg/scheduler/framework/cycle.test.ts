import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { defaultPlugins } from '../plugins/index.ts';
import { NodeInfo } from '../snapshot/node-info.ts';
import { enoughFeasible, failureMessage, SchedulingCycle } from './cycle.ts';
import { normalizeMax, type Plugin } from './plugin.ts';

const pod = (spec: object = {}, uid = 'p'): Stored<Pod> =>
  ({ metadata: { name: uid, uid }, spec }) as unknown as Stored<Pod>;
const cpu = (n: string, uid?: string) => pod({ containers: [{ resources: { requests: { cpu: n } } }] }, uid);
const node = (name: string, spec: object = {}): NodeInfo =>
  new NodeInfo({
    metadata: { name, labels: {} },
    spec,
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
  } as unknown as Stored<Node>);

test.each([
  [0, 0],
  [3, 3],
  [99, 99],
  [100, 100],
  [1000, 420],
  [5000, 500],
  [10_000, 500],
])('of %i nodes, %i feasible ones are enough', (nodes, enough) => {
  expect(enoughFeasible(nodes)).toBe(enough);
});

test.each<[number, [string, number][], string]>([
  [0, [], 'no nodes available to schedule pods'],
  [1, [['Insufficient cpu', 1]], '0/1 nodes are available: 1 Insufficient cpu.'],
  [
    5,
    [
      ['Insufficient cpu', 3],
      ['node(s) were unschedulable', 2],
    ],
    '0/5 nodes are available: 2 node(s) were unschedulable, 3 Insufficient cpu.',
  ],
])('message for %i nodes', (total, counts, text) => {
  expect(failureMessage(total, new Map(counts))).toBe(text);
});

test.each([
  [[0, 5, 10], false, [0, 50, 100]],
  [[0, 5, 10], true, [100, 50, 0]],
  [[0, 0], false, [0, 0]],
  [[0, 0], true, [100, 100]],
])('%o normalized, reverse %s', (scores, reverse, expected) => {
  normalizeMax(scores, reverse);
  expect(scores).toEqual(expected);
});

describe('placement with the default plugins', () => {
  const place = (p: Stored<Pod>, nodes: NodeInfo[]) => new SchedulingCycle(defaultPlugins).place(p, nodes);

  test('only the node that fits', () => {
    const got = place(cpu('1'), [
      node('a', { unschedulable: true }),
      node('b'),
      node('c', { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
    ]);
    expect(got).toMatchObject({ node: { name: 'b' }, feasible: 1 });
  });

  test('the emptier of two', () => {
    const full = node('a');
    full.add(cpu('1', 'q'));
    expect(place(cpu('500m'), [full, node('b')]).node?.name).toBe('b');
  });

  test('all reasons, and what could help', () => {
    const got = place(cpu('3'), [node('a', { unschedulable: true }), node('b'), node('c')]);
    expect(got).toMatchObject({
      node: null,
      message: '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.',
    });
    const wakesOn = got.node ? [] : [...got.wakesOn].sort();
    expect(wakesOn).toEqual(['node-added', 'node-resources', 'node-taints', 'pod-changed', 'pod-gone']);
  });

  test('no nodes', () => {
    const got = place(pod(), []);
    expect(got).toEqual({
      node: null,
      message: 'no nodes available to schedule pods',
      wakesOn: new Set(['node-added']),
    });
  });
});

test('equal nodes get their turn', () => {
  const cycle = new SchedulingCycle([]);
  const nodes = ['a', 'b', 'c'].map((n) => node(n));
  const names = Array.from({ length: 6 }, () => cycle.place(pod(), nodes).node?.name);
  expect(names).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('weights count', () => {
  const likes = (name: string, weight: number): Plugin => ({
    name,
    weight,
    wakesOn: [],
    prepare: () => ({ score: (n) => (n.name === name ? 100 : 0) }),
  });
  const nodes = ['a', 'b'].map((n) => node(n));
  const winner = (a: number, b: number) =>
    new SchedulingCycle([likes('a', a), likes('b', b)]).place(pod(), nodes).node?.name;
  expect(winner(1, 2)).toBe('b');
  expect(winner(3, 2)).toBe('a');
});
