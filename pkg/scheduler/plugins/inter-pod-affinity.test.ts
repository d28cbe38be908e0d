import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { makeNode, makePod, makeState, nodeOf } from '../fixtures.ts';
import { mayHelp } from '../framework/events.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';

const HOST = 'kubernetes.io/hostname';
const term = (app: string, topologyKey = HOST, more: object = {}) => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
  ...more,
});
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';
type Labels = Record<string, string>;
const wanting = (affinity: object, labels: Labels = {}, name = 'p'): Stored<Pod> =>
  makePod(name, { labels, spec: { affinity } });
const near = (...terms: object[]) => ({ podAffinity: { [REQUIRED]: terms } });
const far = (...terms: object[]) => ({ podAntiAffinity: { [REQUIRED]: terms } });
const app = (name: string, value = name, namespace = 'ns') => makePod(name, { labels: { app: value }, namespace });

/** Nodes a, b in zone 1 and c in zone 2; d has no zone. */
const nodes = [makeNode('a', { zone: '1' }), makeNode('b', { zone: '1' }), makeNode('c', { zone: '2' }), makeNode('d')];
const NOT_NEAR = "node(s) didn't match pod affinity rules";
const TOO_NEAR = "node(s) didn't match pod anti-affinity rules";
const UNWELCOME = "node(s) didn't satisfy existing pods anti-affinity rules";

/** Names of the nodes that take the pod, and the reasons of the others. */
function outcome(pod: Stored<Pod>, state: ClusterState): { fit: string; why: string[] } {
  const filter = interPodAffinity.prepare(pod, state)?.filter;
  const reasons = state.nodes().map((n) => [n.name, filter?.(n)?.[0]?.text] as const);
  const why = new Set(reasons.flatMap(([, text]) => text ?? []));
  return { fit: reasons.flatMap(([name, text]) => (text ? [] : [name])).join(''), why: [...why] };
}

describe('filter', () => {
  test.each<[string, Stored<Pod>, Record<string, Stored<Pod>[]>, string, string[]]>([
    ['nothing wanted', makePod('p'), { a: [app('web')] }, 'abcd', []],
    ['near a pod: its host', wanting(near(term('web'))), { a: [app('web')] }, 'a', [NOT_NEAR]],
    ['near a pod: its zone', wanting(near(term('web', 'zone'))), { a: [app('web')] }, 'ab', [NOT_NEAR]],
    ['near nobody', wanting(near(term('web'))), {}, '', [NOT_NEAR]],
    ['near its own kind, the first of it', wanting(near(term('web', 'zone')), { app: 'web' }), {}, 'abc', [NOT_NEAR]],
    [
      'near its own kind, the second',
      wanting(near(term('web', 'zone')), { app: 'web' }),
      { c: [app('web')] },
      'c',
      [NOT_NEAR],
    ],
    [
      'two terms: the same pods must meet both',
      wanting(near(term('web'), term('db'))),
      { a: [app('web'), app('db')] },
      '',
      [NOT_NEAR],
    ],
    [
      'two terms met by one pod',
      wanting(near(term('web'), { topologyKey: 'zone', labelSelector: { matchLabels: { tier: 'x' } } })),
      { a: [makePod('both', { labels: { app: 'web', tier: 'x' } })] },
      'a',
      [NOT_NEAR],
    ],
    [
      'a pod of another namespace does not count',
      wanting(near(term('web'))),
      { a: [app('web', 'web', 'other')] },
      '',
      [NOT_NEAR],
    ],
    [
      'unless that is named',
      wanting(near(term('web', HOST, { namespaces: ['other'] }))),
      { a: [app('web', 'web', 'other')] },
      'a',
      [NOT_NEAR],
    ],
    [
      'or selected',
      wanting(near(term('web', HOST, { namespaceSelector: { matchLabels: { team: 'x' } } }))),
      { a: [app('web', 'web', 'other')] },
      'a',
      [NOT_NEAR],
    ],
    [
      'or all are',
      wanting(near(term('web', HOST, { namespaceSelector: {} }))),
      { a: [app('web', 'web', 'far-off')] },
      'a',
      [NOT_NEAR],
    ],
    ['far from a pod: other hosts', wanting(far(term('web'))), { a: [app('web')] }, 'bcd', [TOO_NEAR]],
    [
      'far from a pod: other zones, and where there is none',
      wanting(far(term('web', 'zone'))),
      { a: [app('web')] },
      'cd',
      [TOO_NEAR],
    ],
    [
      'far from one of two',
      wanting(far(term('web'), term('db', 'zone'))),
      { a: [app('web')], c: [app('db')] },
      'bd',
      [TOO_NEAR],
    ],
    [
      'where a pod keeps such pods away',
      makePod('p', { labels: { app: 'web' } }),
      { a: [wanting(far(term('web', 'zone')), {}, 'shy')] },
      'cd',
      [UNWELCOME],
    ],
    [
      'where it means others',
      makePod('p', { labels: { app: 'db' } }),
      { a: [wanting(far(term('web')), {}, 'shy')] },
      'abcd',
      [],
    ],
    ['a term without selector means nobody', wanting(far({ topologyKey: HOST })), { a: [app('web')] }, 'abcd', []],
  ])('%s', (_, pod, pods, fit, why) => {
    const state = makeState(nodes, pods);
    state.setNamespace('ns', {});
    state.setNamespace('other', { team: 'x' });
    expect(outcome(pod, state)).toEqual({ fit, why });
  });

  test('what has been counted follows pods, labels and namespaces', () => {
    const state = makeState(nodes, { a: [app('web')] });
    const pod = wanting(near(term('web', HOST, { namespaceSelector: { matchLabels: { team: 'x' } } })));
    expect(outcome(pod, state).fit).toBe('');
    state.setNamespace('ns', { team: 'x' });
    expect(outcome(pod, state).fit).toBe('a');
    state.setPod(makePod('late', { labels: { app: 'web' }, spec: { nodeName: 'c' } }));
    expect(outcome(pod, state).fit).toBe('ac');
    state.setPod(makePod('late', { labels: { app: 'other' }, spec: { nodeName: 'c' } }));
    state.removePod('web');
    expect(outcome(pod, state).fit).toBe('');
  });

  test('a pod that keeps others away no longer does when it has gone', () => {
    const state = makeState(nodes, { a: [wanting(far(term('web')), {}, 'shy')] });
    expect(outcome(makePod('p', { labels: { app: 'web' } }), state).fit).toBe('bcd');
    state.removePod('shy');
    expect(outcome(makePod('p', { labels: { app: 'web' } }), state).fit).toBe('abcd');
  });
});

describe('score', () => {
  const liking = (half: 'podAffinity' | 'podAntiAffinity', ...terms: [number, object][]) => ({
    [half]: { [PREFERRED]: terms.map(([weight, podAffinityTerm]) => ({ weight, podAffinityTerm })) },
  });
  const pods = { a: [app('web')], c: [app('db')] };
  test.each<[string, Stored<Pod>, Record<string, Stored<Pod>[]>, number[]]>([
    ['no wishes', makePod('p'), pods, [0, 0, 0, 0]],
    ['near', wanting(liking('podAffinity', [10, term('web', 'zone')])), pods, [100, 100, 0, 0]],
    ['near, by weight', wanting(liking('podAffinity', [10, term('web')], [5, term('db')])), pods, [100, 0, 50, 0]],
    ['far', wanting(liking('podAntiAffinity', [10, term('web')])), pods, [0, 100, 100, 100]],
    [
      'others want it near',
      makePod('p', { labels: { app: 'x' } }),
      { b: [wanting(liking('podAffinity', [3, term('x')]), {}, 'fan')] },
      [0, 100, 0, 0],
    ],
    [
      'others need it near',
      makePod('p', { labels: { app: 'x' } }),
      { b: [wanting(near(term('x')), {}, 'fan')] },
      [0, 100, 0, 0],
    ],
    [
      'others want it far',
      makePod('p', { labels: { app: 'x' } }),
      { b: [wanting(liking('podAntiAffinity', [3, term('x')]), {}, 'foe')] },
      [100, 0, 100, 100],
    ],
  ])('%s', (_, pod, there, expected) => {
    const state = makeState(nodes, there);
    const prepared = interPodAffinity.prepare(pod, state);
    prepared?.weigh?.(state.nodes());
    const scores = state.nodes().map((n) => prepared?.score?.(nodeOf(state, n.name)) ?? 0);
    prepared?.normalize?.(scores, state.nodes());
    expect(scores).toEqual(expected);
  });
});

test.each<[string, Stored<Pod>, 'pod-bound' | 'pod-gone', Stored<Pod>, boolean]>([
  ['the pod it wants to be near to', wanting(near(term('web'))), 'pod-bound', app('web'), true],
  ['another one', wanting(near(term('web'))), 'pod-bound', app('db'), false],
  ['the pod it avoids goes', wanting(far(term('web'))), 'pod-gone', app('web'), true],
  ['a pod that avoids it goes', app('web'), 'pod-gone', wanting(far(term('web')), {}, 'shy'), true],
  ['another goes', wanting(far(term('web'))), 'pod-gone', app('db'), false],
])('hint: %s', (_, waiting, type, pod, helps) => {
  expect(mayHelp(interPodAffinity.wakesOn, waiting, { type, pod })).toBe(helps);
});
