import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { defaultPlugins } from '../plugins/index.ts';
import { ClusterState } from '../snapshot/cluster-state.ts';
import { enoughFeasible, SchedulingCycle } from './cycle.ts';
import { failureMessage } from './messages.ts';
import { normalizeMax, type Plugin } from './plugin.ts';

const pod = (spec: object = {}, uid = 'p'): Stored<Pod> =>
  ({ metadata: { name: uid, uid }, spec }) as unknown as Stored<Pod>;
const cpu = (n: string, uid?: string) => pod({ containers: [{ resources: { requests: { cpu: n } } }] }, uid);
const node = (name: string, spec: object = {}): Stored<Node> =>
  ({
    metadata: { name, labels: {} },
    spec,
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
  }) as unknown as Stored<Node>;
const stateOf = (nodes: Stored<Node>[]): ClusterState => {
  const state = new ClusterState();
  for (const n of nodes) state.setNode(n);
  return state;
};

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

test.each([
  [50, 10, 50],
  [1000, 10, 100],
  [1000, 30, 300],
  [1000, 100, 1000],
])('of %i nodes, with %i percent asked for, %i', (nodes, percent, enough) => {
  expect(enoughFeasible(nodes, percent)).toBe(enough);
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
  const place = (p: Stored<Pod>, nodes: Stored<Node>[], state = stateOf(nodes)) =>
    new SchedulingCycle(defaultPlugins).place(p, state);

  test('only the node that fits', () => {
    const got = place(cpu('1'), [
      node('a', { unschedulable: true }),
      node('b'),
      node('c', { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
    ]);
    expect(got).toMatchObject({ node: { name: 'b' }, feasible: 1 });
  });

  test('the emptier of two', () => {
    const state = stateOf([node('a'), node('b')]);
    state.assume(cpu('1', 'q'), 'a');
    expect(place(cpu('500m'), [], state).node?.name).toBe('b');
  });

  test('all reasons, and what could help', () => {
    const got = place(cpu('3'), [node('a', { unschedulable: true }), node('b'), node('c')]);
    expect(got).toMatchObject({
      node: null,
      message: '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.',
    });
    const events = got.node ? [] : got.wakesOn.flatMap((w) => Object.keys(w));
    expect([...new Set(events)].sort()).toEqual([
      'node-added',
      'node-resources',
      'node-taints',
      'pod-changed',
      'pod-gone',
      'pod-shrunk',
    ]);
    expect(got.node ? [] : got.resolvable).toEqual([]);
  });

  test('no nodes', () => {
    const got = place(pod(), []);
    expect(got).toEqual({
      node: null,
      message: 'no nodes available to schedule pods',
      wakesOn: [{ 'node-added': true }],
      resolvable: [],
    });
  });
});

test('equal nodes get their turn', () => {
  const cycle = new SchedulingCycle([]);
  const state = stateOf(['a', 'b', 'c'].map((n) => node(n)));
  const names = Array.from({ length: 6 }, () => cycle.place(pod(), state).node?.name);
  expect(names).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('where enough nodes are found, the others are not looked at, and have their turn next', () => {
  const seen: string[] = [];
  const looking: Plugin = {
    ...{ name: 'looking', weight: 0, wakesOn: {} },
    prepare: () => ({
      filter: (n) => {
        seen.push(n.name);
        return null;
      },
    }),
  };
  const names = Array.from({ length: 300 }, (_, i) => `n${1000 + i}`);
  const state = stateOf(names.map((n) => node(n)));
  const cycle = new SchedulingCycle([looking], 40);
  for (const from of [0, 120, 240]) {
    seen.length = 0;
    expect(cycle.place(pod(), state)).toMatchObject({ feasible: 120 });
    expect([...seen].sort()).toEqual(Array.from({ length: 120 }, (_, i) => names[(from + i) % 300]).sort());
  }
});

test('weights count', () => {
  const likes = (name: string, weight: number): Plugin => ({
    name,
    weight,
    wakesOn: {},
    prepare: () => ({ score: (n) => (n.name === name ? 100 : 0) }),
  });
  const state = stateOf(['a', 'b'].map((n) => node(n)));
  const winner = (a: number, b: number) =>
    new SchedulingCycle([likes('a', a), likes('b', b)]).place(pod(), state).node?.name;
  expect(winner(1, 2)).toBe('b');
  expect(winner(3, 2)).toBe('a');
});

describe('nodes kept for others', () => {
  const filling = (uid: string, priority: number) =>
    pod({ priority, containers: [{ resources: { requests: { cpu: '1500m' } } }] }, uid);
  const cycle = new SchedulingCycle(defaultPlugins);
  test.each([
    ['a lower priority', 1, undefined],
    ['the same priority', 5, undefined],
    ['a higher priority', 9, 'a'],
  ])('a pod of %s', (_, priority, expected) => {
    const state = stateOf([node('a')]);
    state.nominations.nominate(filling('first', 5), 'a');
    expect(cycle.place(filling('second', priority), state).node?.name).toBe(expected);
    expect([...(state.node('a')?.pods.keys() ?? [])]).toEqual([]);
  });

  test('the pod itself goes there, though another node is emptier', () => {
    const state = stateOf([node('a'), node('b')]);
    state.assume(cpu('100m', 'q'), 'a');
    state.nominations.nominate(filling('first', 5), 'a');
    expect(cycle.place(filling('first', 5), state).node?.name).toBe('a');
  });
});

test('a plugin that names the only nodes: the others are not looked at, and told of', () => {
  const seen: string[] = [];
  const plugin: Plugin = {
    name: 'OnlyB',
    weight: 0,
    wakesOn: {},
    prepare: () => ({
      only: new Set(['b', 'gone']),
      filter: (n) => {
        seen.push(n.name);
        return [{ text: 'not today' }];
      },
    }),
  };
  const got = new SchedulingCycle([plugin]).place(pod(), stateOf(['a', 'b', 'c'].map((n) => node(n))));
  expect(seen).toEqual(['b']);
  expect(got).toMatchObject({
    node: null,
    message: "0/3 nodes are available: 1 not today, 2 node(s) didn't satisfy plugin(s) [OnlyB].",
  });
});

test('a plugin that rejects all nodes at once', () => {
  const plugin: Plugin = {
    name: 'No',
    weight: 0,
    wakesOn: { volume: true },
    prepare: () => ({ reject: 'no such claim' }),
  };
  expect(new SchedulingCycle([plugin]).place(pod(), stateOf([node('a')]))).toMatchObject({
    message: '0/1 nodes are available: no such claim.',
    wakesOn: [{ volume: true }],
  });
});

test('gates hold a pod back', () => {
  const cycle = new SchedulingCycle(defaultPlugins);
  expect(cycle.heldBack(pod())).toBeNull();
  expect(cycle.heldBack(pod({ schedulingGates: [{ name: 'x' }] }))).toBe(
    'Scheduling is blocked due to non-empty scheduling gates',
  );
});
