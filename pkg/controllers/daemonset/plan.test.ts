import { describe, expect, test } from 'vitest';
import type { DaemonSet, Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { NOW, type PodSketch, pod } from '../fixtures.ts';
import { belongsOn, nodeOf, templateFor } from './placement.ts';
import { planPlaces, planUpdate, type Scene } from './plan.ts';
import { statusOf } from './status.ts';

const daemonSet = (spec: object = {}, podSpec: object = {}): Stored<DaemonSet> =>
  ({
    metadata: { namespace: 'ns', name: 'd', uid: 'd', generation: 3 },
    spec: { template: { metadata: { labels: { app: 'd' } }, spec: podSpec }, ...spec },
  }) as unknown as Stored<DaemonSet>;
const node = (name: string, taints: object[] = [], labels: object = {}): Stored<Node> =>
  ({ metadata: { name, uid: name, labels }, spec: { taints } }) as unknown as Stored<Node>;
const daemon = (name: string, on: string, s: PodSketch & { hash?: string } = {}): Stored<Pod> =>
  pod({ name, node: on, ready: 100, labels: { 'controller-revision-hash': s.hash ?? 'new' }, ...s });

const scene = (s: Partial<Scene>): Scene => ({
  ds: daemonSet(),
  nodes: [node('n1'), node('n2'), node('n3')],
  pods: [],
  hash: 'new',
  now: NOW,
  ...s,
});
const names = (pods: readonly Stored<Pod>[]): string[] => pods.map((p) => p.metadata.name);
const places = (s: Partial<Scene>) => {
  const { create, remove } = planPlaces(scene(s));
  return [create, names(remove)];
};
const update = (s: Partial<Scene>) => {
  const { create, remove } = planUpdate(scene(s));
  return [create, names(remove)];
};

describe('where daemons belong', () => {
  test.each<[string, Stored<Node>, object, [boolean, boolean]]>([
    ['a plain node', node('n'), {}, [true, true]],
    ['unschedulable', node('n', [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]), {}, [true, true]],
    ['unreachable', node('n', [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }]), {}, [true, true]],
    [
      'no network',
      node('n', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
      {},
      [false, true],
    ],
    [
      'no network needed',
      node('n', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
      { hostNetwork: true },
      [true, true],
    ],
    ['a taint', node('n', [{ key: 'a', effect: 'NoSchedule' }]), {}, [false, true]],
    ['a taint that evicts', node('n', [{ key: 'a', effect: 'NoExecute' }]), {}, [false, false]],
    ['a soft taint', node('n', [{ key: 'a', effect: 'PreferNoSchedule' }]), {}, [true, true]],
    [
      'a tolerated taint',
      node('n', [{ key: 'a', effect: 'NoExecute' }]),
      { tolerations: [{ operator: 'Exists' }] },
      [true, true],
    ],
    ['other labels', node('n'), { nodeSelector: { disk: 'ssd' } }, [false, false]],
    ['its labels', node('n', [], { disk: 'ssd' }), { nodeSelector: { disk: 'ssd' } }, [true, true]],
    ['another name', node('n'), { nodeName: 'm' }, [false, false]],
  ])('%s', (_name, on, spec, [run, stay]) => {
    expect(belongsOn(daemonSet({}, spec), on)).toEqual({ run, stay });
  });

  test('pods are held to their node beside the affinity of the user, and known by it before they are bound', () => {
    const terms = [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } };
    const made = templateFor(daemonSet({}, { affinity }), 'n7', 'h');
    expect(made.metadata?.labels).toEqual({ app: 'd', 'controller-revision-hash': 'h' });
    expect(
      made.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    ).toEqual([{ ...terms[0], matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n7'] }] }]);
    expect(nodeOf({ spec: made.spec } as Pod)).toBe('n7');
    expect(nodeOf({ spec: { affinity } } as unknown as Pod)).toBeUndefined();
  });
});

describe('one pod on every node', () => {
  test('is started where none is, also not beside one that still ends', () => {
    expect(places({ pods: [daemon('a', 'n1'), daemon('b', 'n2', { deleting: true })] })).toEqual([['n3'], []]);
  });
  test('the older of two stays', () => {
    const pods = [
      daemon('young', 'n1', { age: 5 }),
      daemon('old', 'n1', { age: 50 }),
      daemon('b', 'n2'),
      daemon('c', 'n3'),
    ];
    expect(places({ pods })).toEqual([[], ['young']]);
  });
  test('a failed one goes first and is replaced when it has gone', () => {
    const plan = planPlaces(scene({ pods: [daemon('a', 'n1', { phase: 'Failed' })], nodes: [node('n1')] }));
    expect([plan.create, names(plan.remove), names(plan.ended)]).toEqual([[], ['a'], ['a']]);
  });
  test('where it does not belong it goes; on a node that is gone only if it was never bound', () => {
    const ds = daemonSet({}, { nodeSelector: { disk: 'ssd' } });
    const waiting = { ...daemon('w', ''), spec: templateFor(daemonSet(), 'gone', 'new').spec } as Stored<Pod>;
    expect(places({ ds, pods: [daemon('a', 'n1'), daemon('bound', 'gone'), waiting] })).toEqual([[], ['a', 'w']]);
  });
});

describe('a rolling update', () => {
  const rolling = (rollingUpdate: object) => daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
  const old = (name: string, on: string, s: PodSketch = {}) => daemon(name, on, { ...s, hash: 'old' });

  test('takes as many as may be missing, and those that do not serve besides', () => {
    expect(update({ pods: [old('a', 'n1'), old('b', 'n2'), old('c', 'n3')] })).toEqual([[], ['a']]);
    const { ready: _, ...unready } = { ready: 1 };
    const sick = pod({ name: 'b', node: 'n2', labels: { 'controller-revision-hash': 'old' }, ...unready });
    expect(update({ pods: [old('a', 'n1'), sick, old('c', 'n3')] })).toEqual([[], ['b']]);
    expect(
      update({ ds: rolling({ maxUnavailable: '70%' }), pods: [old('a', 'n1'), old('b', 'n2'), old('c', 'n3')] }),
    ).toEqual([[], ['a', 'b', 'c']]);
  });
  test('waits while a replacement is not available', () => {
    expect(update({ pods: [old('a', 'n1'), old('b', 'n2'), daemon('c', 'n3', { deleting: true })] })).toEqual([[], []]);
    const ds = daemonSet({ minReadySeconds: 200 });
    expect(update({ ds, pods: [old('a', 'n1', { ready: 999 }), daemon('b', 'n2'), daemon('c', 'n3')] })).toEqual([
      [],
      [],
    ]);
  });
  test('surging starts the new beside the old, and ends the old when the new serves', () => {
    const ds = rolling({ maxSurge: 1, maxUnavailable: 0 });
    const pods = [old('a', 'n1'), old('b', 'n2'), old('c', 'n3')];
    expect(update({ ds, pods })).toEqual([['n1'], []]);
    const starting = pod({ name: 'a2', node: 'n1', age: 1, labels: { 'controller-revision-hash': 'new' } });
    expect([places({ ds, pods: [...pods, starting] }), update({ ds, pods: [...pods, starting] })]).toEqual([
      [[], []],
      [[], []],
    ]);
    expect(places({ ds, pods: [...pods, daemon('a2', 'n1', { age: 1 })] })).toEqual([[], ['a']]);
  });
  test('OnDelete leaves old pods alone', () => {
    expect(update({ ds: daemonSet({ updateStrategy: { type: 'OnDelete' } }), pods: [old('a', 'n1')] })).toEqual([
      [],
      [],
    ]);
  });
});

test('the status counts nodes, and says when time alone will change it', () => {
  const ds = daemonSet({ minReadySeconds: 30 }, { nodeSelector: { disk: 'ssd' } });
  const ssd = { disk: 'ssd' };
  const nodes = [node('n1', [], ssd), node('n2', [], ssd), node('n3', [], ssd), node('n4')];
  const pods = [
    daemon('a', 'n1', { hash: 'old' }),
    daemon('b', 'n2', { ready: 10 }),
    daemon('x', 'n4', { deleting: true }),
  ];
  expect(statusOf(scene({ ds, nodes, pods }), undefined)).toEqual({
    status: {
      currentNumberScheduled: 2,
      numberMisscheduled: 1,
      desiredNumberScheduled: 3,
      numberReady: 2,
      observedGeneration: 3,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
      numberUnavailable: 2,
    },
    changesIn: 20_000,
  });
});
