import { beforeEach, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ClusterState } from './cluster-state.ts';
import { type HostPort, portsClash } from './node-info.ts';

const node = (name: string, cpu = '4'): Stored<Node> =>
  ({ metadata: { name, uid: name }, status: { allocatable: { cpu } } }) as unknown as Stored<Node>;
const pod = (uid: string, nodeName?: string, phase = 'Pending'): Stored<Pod> =>
  ({
    metadata: { name: uid, namespace: 'ns', uid },
    spec: {
      ...(nodeName ? { nodeName } : {}),
      containers: [{ ports: [{ hostPort: 80 }], resources: { requests: { cpu: '500m' } } }],
    },
    status: { phase },
  }) as unknown as Stored<Pod>;

let state: ClusterState;
beforeEach(() => {
  state = new ClusterState();
  state.setNode(node('n1'));
  state.setNode(node('n2'));
});
/** Pods, millicores and host ports counted on each node. */
const counted = (): Record<string, string> =>
  Object.fromEntries(
    state.nodes().map((n) => [n.name, `${[...n.pods.keys()]} ${n.supplies.of('cpu').requested} ${n.ports.size}`]),
  );

test.each<[string, () => void, Record<string, string>]>([
  ['nothing', () => {}, { n1: ' 0 0', n2: ' 0 0' }],
  ['a bound pod', () => state.setPod(pod('a', 'n1')), { n1: 'a 500 1', n2: ' 0 0' }],
  [
    'seen twice',
    () => {
      state.setPod(pod('a', 'n1'));
      state.setPod(pod('a', 'n1', 'Running'));
    },
    { n1: 'a 500 1', n2: ' 0 0' },
  ],
  ['an unbound one', () => state.setPod(pod('a')), { n1: ' 0 0', n2: ' 0 0' }],
  [
    'one that is over',
    () => {
      state.setPod(pod('a', 'n1'));
      state.setPod(pod('a', 'n1', 'Succeeded'));
    },
    { n1: ' 0 0', n2: ' 0 0' },
  ],
  [
    'one that is gone',
    () => {
      state.setPod(pod('a', 'n1'));
      state.setPod(pod('b', 'n1'));
      state.removePod('a');
    },
    { n1: 'b 500 1', n2: ' 0 0' },
  ],
  ['an assumed one', () => state.assume(pod('a'), 'n2'), { n1: ' 0 0', n2: 'a 500 1' }],
  [
    'assumed, then seen unbound',
    () => {
      state.assume(pod('a'), 'n2');
      state.setPod(pod('a'));
    },
    { n1: ' 0 0', n2: 'a 500 1' },
  ],
  [
    'assumed, then bound elsewhere',
    () => {
      state.assume(pod('a'), 'n2');
      state.setPod(pod('a', 'n1'));
    },
    { n1: 'a 500 1', n2: ' 0 0' },
  ],
  [
    'assumed, then forgotten',
    () => {
      state.assume(pod('a'), 'n2');
      state.forget('a');
    },
    { n1: ' 0 0', n2: ' 0 0' },
  ],
  [
    'bound, then the late failure of the binding',
    () => {
      state.assume(pod('a'), 'n1');
      state.setPod(pod('a', 'n1'));
      state.forget('a');
    },
    { n1: 'a 500 1', n2: ' 0 0' },
  ],
  [
    'a pod before its node',
    () => {
      state.setPod(pod('a', 'n3'));
      state.setNode(node('n3'));
    },
    { n1: ' 0 0', n2: ' 0 0', n3: 'a 500 1' },
  ],
  [
    'a node that goes and comes back',
    () => {
      state.setPod(pod('a', 'n1'));
      state.setPod(pod('b', 'n1'));
      state.removeNode('n1');
      state.removePod('b');
      state.setNode(node('n1'));
    },
    { n2: ' 0 0', n1: 'a 500 1' },
  ],
])('%s', (_, happen, expected) => {
  happen();
  expect(counted()).toEqual(expected);
});

test('a changed node keeps its pods', () => {
  state.setPod(pod('a', 'n1'));
  state.setNode(node('n1', '8'));
  expect(state.node('n1')?.supplies.of('cpu').capacity).toBe(8000);
  expect(counted().n1).toBe('a 500 1');
});

test('isAssumed lasts until the binding is seen', () => {
  state.assume(pod('a'), 'n1');
  expect(state.isAssumed('a')).toBe(true);
  state.setPod(pod('a', 'n1'));
  expect(state.isAssumed('a')).toBe(false);
});

const port = (ip: string, n: number, protocol = 'TCP'): HostPort => ({ protocol, ip, port: n });
test.each([
  [port('0.0.0.0', 80), port('10.0.0.1', 80), true],
  [port('10.0.0.1', 80), port('10.0.0.1', 80), true],
  [port('10.0.0.1', 80), port('10.0.0.2', 80), false],
  [port('0.0.0.0', 80), port('0.0.0.0', 81), false],
  [port('0.0.0.0', 80), port('0.0.0.0', 80, 'UDP'), false],
])('host ports %o and %o clash: %s', (a, b, clash) => {
  expect(portsClash(a, b)).toBe(clash);
});

test('a pod that is resized counts with what its node still keeps for it, and leaves nothing behind', () => {
  const resized = (inForce: string): Stored<Pod> => {
    const p = pod('a', 'n1', 'Running');
    for (const c of p.spec?.containers ?? []) Object.assign(c, { name: 'c' });
    const resources = { requests: { cpu: inForce } };
    return { ...p, status: { ...p.status, containerStatuses: [{ name: 'c', resources }] } } as unknown as Stored<Pod>;
  };
  const sums: (string | undefined)[] = [];
  for (const inForce of ['500m', '2', '500m']) {
    state.setPod(resized(inForce));
    sums.push(counted().n1);
  }
  state.removePod('a');
  sums.push(counted().n1);
  expect(sums).toEqual(['a 500 1', 'a 2000 1', 'a 500 1', ' 0 0']);
});
