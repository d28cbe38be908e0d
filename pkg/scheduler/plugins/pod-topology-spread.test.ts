import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { mayHelp } from '../framework/events.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import { podTopologySpread } from './pod-topology-spread.ts';

const HOST = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const web = (name: string, metadata: object = {}) => makePod(name, { labels: { app: 'web' }, metadata });
const webs = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => web(`${prefix}${i}`));
const spreading = (constraint: object, more: object = {}, labels: Record<string, string> = { app: 'web' }) =>
  makePod('p', {
    labels,
    spec: {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: ZONE,
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
          ...constraint,
        },
      ],
      ...more,
    },
  });
/** Nodes a, b in zone 1, c in zone 2; d has no zone. */
const nodes = [
  makeNode('a', { [ZONE]: '1' }),
  makeNode('b', { [ZONE]: '1' }),
  makeNode('c', { [ZONE]: '2' }),
  makeNode('d'),
];
const SKEWED = "node(s) didn't match pod topology spread constraints";
const UNLABELLED = `${SKEWED} (missing required label)`;

function outcome(pod: Stored<Pod>, state: ClusterState): string {
  const filter = podTopologySpread.prepare(pod, state)?.filter;
  const mark = new Map([
    [SKEWED, '-'],
    [UNLABELLED, '?'],
  ]);
  return state
    .nodes()
    .map((n) => mark.get(filter?.(n)?.[0]?.text ?? '') ?? n.name)
    .join('');
}

test.each<[string, Stored<Pod>, Record<string, Stored<Pod>[]>, string]>([
  ['empty zones', spreading({}), {}, 'abc?'],
  ['one more in a zone than in the other', spreading({}), { a: [web('w')] }, '--c?'],
  ['even', spreading({}), { a: [web('w')], c: [web('v')] }, 'abc?'],
  ['greater skew allowed', spreading({ maxSkew: 2 }), { a: [web('w')] }, 'abc?'],
  ['by host', spreading({ topologyKey: HOST }), { a: webs('w', 1), b: webs('v', 1) }, '--cd'],
  ['pods of other kinds do not count', spreading({}), { a: [makePod('x')] }, 'abc?'],
  [
    'of other namespaces neither',
    spreading({}),
    { a: [makePod('x', { labels: { app: 'web' }, namespace: 'o' })] },
    'abc?',
  ],
  [
    'nor those that are ending',
    spreading({}),
    { a: [web('w', { deletionTimestamp: '2026-01-01T00:00:00Z' })] },
    'abc?',
  ],
  [
    'a pod that does not match its own constraint adds nothing',
    spreading({}, {}, { app: 'x' }),
    { a: [web('w')] },
    'abc?',
  ],
  ['too few domains: an empty one is assumed', spreading({ minDomains: 3 }), { a: [web('w')], c: [web('v')] }, '---?'],
  ['only preferred', spreading({ whenUnsatisfiable: 'ScheduleAnyway' }), { a: webs('w', 9) }, 'abcd'],
  ['without selector nothing is counted', spreading({ labelSelector: undefined }), { a: webs('w', 9) }, 'abc?'],
  [
    'nodes the pod may not use do not count',
    spreading({ topologyKey: HOST }, { nodeSelector: { [ZONE]: '1' } }),
    { a: webs('w', 1), b: webs('v', 1) },
    'abcd',
  ],
  [
    'unless affinity is to be ignored',
    spreading({ topologyKey: HOST, nodeAffinityPolicy: 'Ignore' }, { nodeSelector: { [ZONE]: '1' } }),
    { a: webs('w', 1), b: webs('v', 1) },
    '--cd',
  ],
  [
    'matchLabelKeys: only the same revision counts',
    spreading({ matchLabelKeys: ['rev'] }, {}, { app: 'web', rev: '2' }),
    { a: [makePod('old', { labels: { app: 'web', rev: '1' } })] },
    'abc?',
  ],
])('%s', (_, pod, pods, expected) => {
  expect(outcome(pod, makeState(nodes, pods))).toBe(expected);
});

test.each([
  ['Ignore', '-b'],
  ['Honor', 'ab'],
])('taints: %s', (nodeTaintsPolicy, expected) => {
  const tainted = makeNode('b', {}, { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
  const state = makeState([makeNode('a'), tainted], { a: [web('w')] });
  expect(outcome(spreading({ topologyKey: HOST, nodeTaintsPolicy }), state)).toBe(expected);
});

test('counts follow the pods', () => {
  const state = makeState(nodes, { a: [web('w')] });
  expect(outcome(spreading({}), state)).toBe('--c?');
  state.assume(web('v'), 'c');
  expect(outcome(spreading({}), state)).toBe('abc?');
  state.removePod('w');
  expect(outcome(spreading({}), state)).toBe('ab-?');
});

describe('score', () => {
  const scores = (pod: Stored<Pod>, state: ClusterState): number[] => {
    const prepared = podTopologySpread.prepare(pod, state);
    prepared?.weigh?.(state.nodes());
    const raw = state.nodes().map((n) => prepared?.score?.(n) ?? 0);
    prepared?.normalize?.(raw, state.nodes());
    return raw.map(Math.round);
  };
  const soft = (more: object = {}) => spreading({ whenUnsatisfiable: 'ScheduleAnyway', ...more });

  test.each<[string, Stored<Pod>, Record<string, Stored<Pod>[]>, number[]]>([
    ['nothing there', soft(), {}, [100, 100, 100, 0]],
    ['the emptier zone', soft(), { a: webs('w', 3) }, [0, 0, 100, 0]],
    ['the emptier host', soft({ topologyKey: HOST }), { a: webs('w', 2), b: webs('v', 1) }, [0, 50, 100, 100]],
  ])('%s', (_, pod, pods, expected) => {
    expect(scores(pod, makeState(nodes, pods))).toEqual(expected);
  });

  test('of several constraints, pods count on nodes that have the labels of all', () => {
    const term = { maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { app: 'web' } } };
    const both = makePod('p', {
      labels: { app: 'web' },
      spec: { topologySpreadConstraints: [ZONE, 'rack'].map((topologyKey) => ({ ...term, topologyKey })) },
    });
    const racked = (name: string, zone: string) => makeNode(name, { [ZONE]: zone, rack: name });
    const state = makeState([racked('a', '1'), racked('b', '2'), makeNode('c', { [ZONE]: '1' })], { c: webs('w', 5) });
    expect(scores(both, state)).toEqual([100, 100, 0]);
  });

  test('by default the pods of a group are spread over hosts and zones', () => {
    const group = () => [{ key: 'app', operator: 'Equals' as const, values: ['web'] }];
    const state = makeState(nodes.slice(0, 3), { a: webs('w', 2) }, group);
    const [a = 0, b = 0, c = 0] = scores(web('p'), state);
    expect(a).toBeLessThan(b);
    expect(b).toBeLessThan(c);
  });

  test('a pod of no group is left alone', () => {
    expect(podTopologySpread.prepare(makePod('p'), makeState(nodes))).toBeNull();
  });
});

test.each([
  ['a pod that counts', web('w'), true],
  ['another', makePod('x'), false],
])('hint: %s goes', (_, pod, helps) => {
  expect(mayHelp(podTopologySpread.wakesOn, spreading({}), { type: 'pod-gone', pod })).toBe(helps);
});
