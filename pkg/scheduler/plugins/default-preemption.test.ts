import { expect, test } from 'vitest';
import type { Pod, PodDisruptionBudget } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { SchedulingCycle } from '../framework/cycle.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import { DEFAULT_ARGS } from './args.ts';
import { findVictims, PREEMPTED } from './default-preemption.ts';
import { defaultPlugins } from './index.ts';

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const low = (
  name: string,
  cpu: string,
  o: { priority?: number; start?: number; labels?: Record<string, string> } = {},
) => makePod(name, { cpu, priority: o.priority ?? 0, labels: o.labels ?? {}, status: { startTime: at(o.start ?? 0) } });
const high = (cpu: string, spec: object = {}) => makePod('high', { cpu, priority: 100, spec });
const budget = (allowed: number, app: string, disrupted: string[] = []): Stored<PodDisruptionBudget> =>
  ({
    metadata: { name: app, namespace: 'ns' },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed: allowed, disruptedPods: Object.fromEntries(disrupted.map((d) => [d, at(0)])) },
  }) as never;

function preempt(pod: Stored<Pod>, state: ClusterState, budgets: Stored<PodDisruptionBudget>[] = []) {
  const cycle = new SchedulingCycle(defaultPlugins);
  const failure = cycle.place(pod, state);
  if (failure.node) throw new Error(`it fits on ${failure.node.name}`);
  const fits = (p: Stored<Pod>, node: string) => cycle.fits(p, state, node);
  return findVictims(pod, {
    state,
    budgets,
    fits,
    candidates: failure.resolvable,
    args: DEFAULT_ARGS.DefaultPreemption,
  });
}
/** "node: victims", or the message. */
function outcome(pod: Stored<Pod>, state: ClusterState, budgets: Stored<PodDisruptionBudget>[] = []): string {
  const r = preempt(pod, state, budgets);
  return r.node === null ? r.message : `${r.node}: ${r.pods.map((p) => p.metadata.name).join(' ')}`;
}
const one = [makeNode('a')];
const two = [makeNode('a'), makeNode('b')];
const NO_VICTIMS = 'No preemption victims found for incoming pod';

test.each<[string, Stored<Pod>, ClusterState, string]>([
  ['the only one', high('3'), makeState(one, { a: [low('x', '2')] }), 'a: x'],
  ['no more than needed', high('2'), makeState(one, { a: [low('x', '2'), low('y', '2')] }), 'a: y'],
  ['the less important', high('2'), makeState(one, { a: [low('x', '2', { priority: 1 }), low('y', '2')] }), 'a: y'],
  ['the younger', high('2'), makeState(one, { a: [low('x', '2', { start: 5 }), low('y', '2', { start: 1 })] }), 'a: x'],
  ['one large for several small', high('3'), makeState(one, { a: [low('x', '3'), low('y', '500m')] }), 'a: x'],
  [
    'not of the same priority',
    high('3'),
    makeState(one, { a: [low('x', '3', { priority: 100 })] }),
    `preemption: 0/1 nodes are available: 1 ${NO_VICTIMS}.`,
  ],
  [
    'nobody would be enough',
    high('5'),
    makeState(one, { a: [low('x', '3')] }),
    'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  ],
  [
    'policy Never',
    high('3', { preemptionPolicy: 'Never' }),
    makeState(one, { a: [low('x', '2')] }),
    'preemption: not eligible due to preemptionPolicy=Never.',
  ],
  [
    'a node it may not use is no help',
    high('3', { nodeSelector: { 'kubernetes.io/hostname': 'b' } }),
    makeState(two, { a: [low('x', '2')], b: [low('y', '2', { priority: 100 })] }),
    `preemption: 0/2 nodes are available: 1 ${NO_VICTIMS}, 1 Preemption is not helpful for scheduling.`,
  ],
  [
    'the node with the less important victim',
    high('3'),
    makeState(two, { a: [low('x', '2', { priority: 5 })], b: [low('y', '2', { priority: 4 })] }),
    'b: y',
  ],
  [
    'the node with fewer victims',
    high('4'),
    makeState(two, { a: [low('x', '2'), low('y', '2')], b: [low('z', '4')] }),
    'b: z',
  ],
  [
    'the node whose victims started last',
    high('3'),
    makeState(two, { a: [low('x', '2', { start: 1 })], b: [low('y', '2', { start: 9 })] }),
    'b: y',
  ],
])('%s', (_, pod, state, expected) => {
  const before = state.nodes().map((n) => [...n.pods.keys()].sort());
  expect(outcome(pod, state)).toBe(expected);
  expect(state.nodes().map((n) => [...n.pods.keys()].sort())).toEqual(before);
});

const guarded = { app: 'db' };
test.each<[string, ClusterState, Stored<PodDisruptionBudget>[], string, number]>([
  [
    'a guarded pod is spared',
    makeState(one, { a: [low('x', '2', { labels: guarded }), low('y', '2', { priority: 9 })] }),
    [budget(0, 'db')],
    'a: y',
    0,
  ],
  [
    'guarded pods go when they must',
    makeState(one, { a: [low('x', '4', { labels: guarded })] }),
    [budget(0, 'db')],
    'a: x',
    1,
  ],
  [
    'a budget with room does not guard',
    makeState(one, { a: [low('x', '2', { labels: guarded }), low('y', '2', { priority: 9 })] }),
    [budget(1, 'db')],
    'a: x',
    0,
  ],
  [
    'who is counted as gone already needs no room',
    makeState(one, { a: [low('x', '4', { labels: guarded })] }),
    [budget(0, 'db', ['x'])],
    'a: x',
    0,
  ],
  [
    'rather the node without violation',
    makeState(two, { a: [low('x', '4', { labels: guarded })], b: [low('y', '4', { priority: 50 })] }),
    [budget(0, 'db')],
    'b: y',
    0,
  ],
])('budgets: %s', (_, state, budgets, expected, violations) => {
  expect(outcome(high('2'), state, budgets)).toBe(expected);
  expect(preempt(high('2'), state, budgets)).toMatchObject({ violations });
});

test('anti-affinity and host ports can be resolved too', () => {
  const shy = makePod('shy', {
    spec: {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } },
          ],
        },
      },
    },
  });
  const pod = makePod('high', { priority: 9, labels: { app: 'web' } });
  expect(outcome(pod, makeState(one, { a: [shy, low('x', '1')] }))).toBe('a: shy');
  const ports = { containers: [{ ports: [{ hostPort: 80 }] }] };
  const taker = makePod('taker', { spec: ports });
  expect(outcome(makePod('high', { priority: 9, spec: ports }), makeState(one, { a: [taker] }))).toBe('a: taker');
});

test('while its victims are ending, a pod does not look for others', () => {
  const ending = makePod('x', {
    cpu: '4',
    metadata: { deletionTimestamp: at(1) },
    status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: PREEMPTED }] },
  });
  const state = makeState(two, { a: [ending], b: [low('y', '4')] });
  state.nominations.nominate(high('3'), 'a');
  expect(outcome(high('3'), state)).toBe('preemption: not eligible due to a terminating pod on the nominated node.');
});
