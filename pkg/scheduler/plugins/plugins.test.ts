import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { termMatches } from '#api/scheduling/node-selector.ts';
import { tolerates } from '#api/scheduling/taints.ts';
import { type ClusterEvent, mayHelp } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { ClusterState } from '../snapshot/cluster-state.ts';
import { NodeInfo } from '../snapshot/node-info.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { taintToleration } from './taint-toleration.ts';

const pod = (spec: object, uid = 'p'): Stored<Pod> =>
  ({ metadata: { name: uid, uid }, spec }) as unknown as Stored<Pod>;
const asking = (requests: Record<string, string>, uid?: string) =>
  pod({ containers: [{ resources: { requests } }] }, uid);
const node = (o: { name?: string; labels?: object; spec?: object; allocatable?: object; pods?: Stored<Pod>[] }) => {
  const info = new NodeInfo({
    metadata: { name: o.name ?? 'n', labels: o.labels ?? {} },
    spec: o.spec ?? {},
    status: { allocatable: { cpu: '4', memory: '4Gi', pods: '10', ...o.allocatable } },
  } as unknown as Stored<Node>);
  for (const p of o.pods ?? []) info.add(p);
  return info;
};
const stateOf = (nodes: NodeInfo[]): ClusterState => {
  const state = new ClusterState();
  for (const n of nodes) state.setNode(n.node);
  return state;
};
/** Why the plugin refuses the node; '' when it does not. */
const refusal = (plugin: Plugin, p: Stored<Pod>, n: NodeInfo): string =>
  (plugin.prepare(p, stateOf([n]))?.filter?.(n) ?? []).map((r) => r.text + (r.unresolvable ? '!' : '')).join(', ');
/** Scores of all nodes, normalized and rounded. */
const scores = (plugin: Plugin, p: Stored<Pod>, nodes: NodeInfo[]): number[] => {
  const prepared = plugin.prepare(p, stateOf(nodes));
  prepared?.weigh?.(nodes);
  const raw = nodes.map((n) => prepared?.score?.(n) ?? 0);
  prepared?.normalize?.(raw, nodes);
  return raw.map(Math.round);
};

const NO_MATCH = "node(s) didn't match Pod's node affinity/selector!";
const CLASH = "node(s) didn't have free ports for the requested pod ports";
const required = (term: object) =>
  pod({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } },
  });
const hostPort = (n: number, uid?: string) => pod({ containers: [{ ports: [{ hostPort: n }] }] }, uid);
const hard = { key: 'k', value: 'v', effect: 'NoSchedule' };

describe('filters', () => {
  test.each<[string, Plugin, Stored<Pod>, NodeInfo, string]>([
    ['a free node', nodeUnschedulable, pod({}), node({}), ''],
    [
      'a cordoned node',
      nodeUnschedulable,
      pod({}),
      node({ spec: { unschedulable: true } }),
      'node(s) were unschedulable!',
    ],
    [
      'a cordoned node, tolerated',
      nodeUnschedulable,
      pod({ tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] }),
      node({ spec: { unschedulable: true } }),
      '',
    ],
    ['the named node', nodeName, pod({ nodeName: 'n' }), node({}), ''],
    ['not the named node', nodeName, pod({ nodeName: 'm' }), node({}), "node(s) didn't match the requested node name!"],
    ['selector holds', nodeAffinity, pod({ nodeSelector: { a: '1' } }), node({ labels: { a: '1' } }), ''],
    ['selector fails', nodeAffinity, pod({ nodeSelector: { a: '1', b: '2' } }), node({ labels: { a: '1' } }), NO_MATCH],
    [
      'affinity holds',
      nodeAffinity,
      required({ matchExpressions: [{ key: 'a', operator: 'In', values: ['1', '2'] }] }),
      node({ labels: { a: '2' } }),
      '',
    ],
    [
      'affinity fails',
      nodeAffinity,
      required({ matchExpressions: [{ key: 'a', operator: 'Exists' }] }),
      node({}),
      NO_MATCH,
    ],
    ['taint', taintToleration, pod({}), node({ spec: { taints: [hard] } }), 'node(s) had untolerated taint {k: v}!'],
    ['soft taint', taintToleration, pod({}), node({ spec: { taints: [{ ...hard, effect: 'PreferNoSchedule' }] } }), ''],
    [
      'second taint',
      taintToleration,
      pod({ tolerations: [{ key: 'k', operator: 'Exists' }] }),
      node({ spec: { taints: [hard, { key: 'x', effect: 'NoExecute' }] } }),
      'node(s) had untolerated taint {x: }!',
    ],
    ['port free', nodePorts, hostPort(80), node({ pods: [hostPort(81, 'q')] }), ''],
    ['port taken', nodePorts, hostPort(80), node({ pods: [hostPort(80, 'q')] }), CLASH],
    ['room', nodeResourcesFit, asking({ cpu: '4', memory: '4Gi' }), node({}), ''],
    [
      'not enough left',
      nodeResourcesFit,
      asking({ cpu: '3' }),
      node({ pods: [asking({ cpu: '1001m' }, 'q')] }),
      'Insufficient cpu',
    ],
    ['just enough left', nodeResourcesFit, asking({ cpu: '3' }), node({ pods: [asking({ cpu: '1' }, 'q')] }), ''],
    [
      'never enough',
      nodeResourcesFit,
      asking({ cpu: '5', memory: '5Gi' }),
      node({}),
      'Insufficient cpu!, Insufficient memory!',
    ],
    [
      'unknown resource',
      nodeResourcesFit,
      asking({ 'example.org/gpu': '1' }),
      node({}),
      'Insufficient example.org/gpu!',
    ],
    ['none of an unknown resource', nodeResourcesFit, asking({ 'example.org/gpu': '0' }), node({}), ''],
    [
      'pod count',
      nodeResourcesFit,
      pod({}),
      node({ allocatable: { pods: '1' }, pods: [pod({}, 'q')] }),
      'Too many pods',
    ],
  ])('%s', (_, plugin, p, n, expected) => {
    expect(refusal(plugin, p, n)).toBe(expected);
  });
});

const labelled = node({ labels: { zone: 'a', size: '10', word: 'x' } }).node;
test.each<[string, string[], string, boolean]>([
  ['In', ['a', 'b'], 'zone', true],
  ['In', ['b'], 'zone', false],
  ['In', ['a'], 'none', false],
  ['NotIn', ['a'], 'zone', false],
  ['NotIn', ['a'], 'none', true],
  ['Exists', [], 'zone', true],
  ['DoesNotExist', [], 'zone', false],
  ['DoesNotExist', [], 'none', true],
  ['Gt', ['9'], 'size', true],
  ['Gt', ['10'], 'size', false],
  ['Lt', ['11'], 'size', true],
  ['Lt', ['9'], 'size', false],
  ['Gt', ['1'], 'word', false],
  ['Gt', ['-1'], 'none', false],
])('%s %o on %s: %s', (operator, values, key, matches) => {
  expect(termMatches({ matchExpressions: [{ key, operator, values }] } as never, labelled)).toBe(matches);
});

test('a term without requirements matches nothing; fields know the name', () => {
  expect(termMatches({}, labelled)).toBe(false);
  const named = (n: string) => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [n] }] }) as never;
  expect(termMatches(named('n'), labelled)).toBe(true);
  expect(termMatches(named('m'), labelled)).toBe(false);
});

test.each([
  [{ operator: 'Exists' }, true],
  [{ key: 'k', operator: 'Exists' }, true],
  [{ key: 'j', operator: 'Exists' }, false],
  [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
  [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }, true],
  [{ key: 'k', value: 'v' }, true],
  [{ key: 'k', value: 'w' }, false],
  [{ key: 'k' }, false],
])('%o tolerates: %s', (toleration, expected) => {
  expect(tolerates(toleration, hard)).toBe(expected);
});

describe('scores', () => {
  const soft = (n: number) =>
    node({ spec: { taints: Array.from({ length: n }, (_, i) => ({ key: `${i}`, effect: 'PreferNoSchedule' })) } });
  const preferred = pod({
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 10, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
          { weight: 30, preference: { matchExpressions: [{ key: 'b', operator: 'Exists' }] } },
        ],
      },
    },
  });
  const half = asking({ cpu: '2', memory: '2Gi' }, 'q');
  test.each<[string, Plugin, Stored<Pod>, NodeInfo[], number[]]>([
    ['fewer soft taints are better', taintToleration, pod({}), [soft(0), soft(1), soft(2)], [100, 50, 0]],
    ['no taints anywhere', taintToleration, pod({}), [soft(0), soft(0)], [100, 100]],
    [
      'weights of preferred terms',
      nodeAffinity,
      preferred,
      [node({}), node({ labels: { a: '' } }), node({ labels: { a: '', b: '' } })],
      [0, 25, 100],
    ],
    [
      'the emptier node',
      nodeResourcesFit,
      asking({ cpu: '1', memory: '1Gi' }),
      [node({}), node({ pods: [half] })],
      [75, 25],
    ],
    [
      'even use',
      balancedAllocation,
      asking({ cpu: '1', memory: '1Gi' }),
      [node({}), node({ pods: [asking({ cpu: '2', memory: '0' }, 'q')], allocatable: { memory: '1Ti' } })],
      [100, 63],
    ],
    [
      'even use, by what is asked for',
      balancedAllocation,
      asking({ cpu: '1', memory: '1Gi' }),
      [node({}), node({ pods: [pod({ containers: [{}, {}, {}, {}, {}, {}, {}, {}, {}, {}] }, 'q')] })],
      [100, 100],
    ],
  ])('%s', (_, plugin, p, nodes, expected) => {
    expect(scores(plugin, p, nodes)).toEqual(expected);
  });
});

test('a pod that asks for nothing evens out nothing', () => {
  expect(balancedAllocation.prepare(pod({ containers: [{}] }), stateOf([]))).toBeNull();
});

const names = (...values: string[]) => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values }] });
const anyOf = (...nodeSelectorTerms: object[]) =>
  pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } });
test.each<[string, Stored<Pod>, string[] | undefined]>([
  ['one named node', anyOf(names('a')), ['a']],
  ['several terms', anyOf(names('a'), names('b', 'c')), ['a', 'b', 'c']],
  ['one term that names none', anyOf(names('a'), { matchExpressions: [{ key: 'k', operator: 'Exists' }] }), undefined],
  ['no terms', pod({ nodeSelector: { a: '1' } }), undefined],
])('the only nodes worth a look: %s', (_, p, expected) => {
  const only = nodeAffinity.prepare(p, new ClusterState())?.only;
  expect(only && [...only]).toEqual(expected);
});

describe('queueing hints', () => {
  const cordoned = node({ spec: { unschedulable: true } }).node;
  const tainted = node({ spec: { taints: [hard] } }).node;
  const free = node({ labels: { a: '1' } }).node;
  test.each<[string, Plugin, Stored<Pod>, ClusterEvent, boolean]>([
    [
      'a node without the label',
      nodeAffinity,
      pod({ nodeSelector: { a: '1' } }),
      { type: 'node-added', node: tainted },
      false,
    ],
    [
      'a node with the label',
      nodeAffinity,
      pod({ nodeSelector: { a: '1' } }),
      { type: 'node-labels', node: free },
      true,
    ],
    ['a pod that went', nodeAffinity, pod({ nodeSelector: { a: '1' } }), { type: 'pod-gone', pod: pod({}) }, false],
    ['a cordoned node', nodeUnschedulable, pod({}), { type: 'node-added', node: cordoned }, false],
    ['an uncordoned node', nodeUnschedulable, pod({}), { type: 'node-taints', node: free }, true],
    ['a tainted node', taintToleration, pod({}), { type: 'node-taints', node: tainted }, false],
    ['a node without taints', taintToleration, pod({}), { type: 'node-taints', node: free }, true],
    ['a pod with the port', nodePorts, hostPort(80), { type: 'pod-gone', pod: hostPort(80, 'q') }, true],
    ['a pod with another port', nodePorts, hostPort(80), { type: 'pod-gone', pod: hostPort(81, 'q') }, false],
    ['a node that is too small', nodeResourcesFit, asking({ cpu: '5' }), { type: 'node-added', node: free }, false],
    ['a node with room', nodeResourcesFit, asking({ cpu: '3' }), { type: 'node-resources', node: free }, true],
  ])('%s', (_, plugin, p, event, helps) => {
    expect(mayHelp(plugin.wakesOn, p, event)).toBe(helps);
  });
});
