import { describe, expect, test } from 'vitest';
import { ConfigMaps } from '#api/kinds/index.ts';
import type { OwnerReference } from '#api/meta/objectmeta.ts';
import { AbsentOwners } from './absent-owners.ts';
import {
  FOREGROUND,
  type GraphNode,
  judge,
  OwnerGraph,
  type OwnerState,
  type Verdict,
  waitsForItself,
} from './graph.ts';

const ref = (uid: string): OwnerReference => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid });
const node = (uid: string, owners: string[] = [], more: Partial<GraphNode> = {}): GraphNode => ({
  kind: ConfigMaps as never,
  namespace: 'ns',
  name: uid,
  uid,
  resourceVersion: '1',
  owners: owners.map(ref),
  deleting: false,
  finalizers: [],
  ...more,
});

describe('judgement', () => {
  const background: Verdict = { do: 'delete', policy: 'Background' };
  test.each<[string, Record<string, OwnerState>, boolean, string[], Verdict]>([
    ['no owners', {}, false, [], { do: 'keep' }],
    ['an owner that is there', { a: 'solid' }, false, [], { do: 'keep' }],
    ['an owner not seen yet', { a: 'unseen' }, false, [], { do: 'keep' }],
    ['all gone', { a: 'absent' }, false, [], background],
    ['two gone', { a: 'absent', b: 'absent' }, false, [], background],
    ['one of two gone', { a: 'absent', b: 'solid' }, false, [], { do: 'dropOwners', uids: ['a'] }],
    ['one of two not seen', { a: 'absent', b: 'unseen' }, false, [], { do: 'dropOwners', uids: ['a'] }],
    ['let go before it was known', { a: 'orphaned' }, false, [], { do: 'dropOwners', uids: ['a'] }],
    ['let go by one, the other gone', { a: 'absent', b: 'orphaned' }, false, [], { do: 'dropOwners', uids: ['b'] }],
    ['one waits, one holds', { a: 'waiting', b: 'solid' }, true, [], { do: 'dropOwners', uids: ['a'] }],
    ['waited for, a leaf', { a: 'waiting' }, false, [], background],
    ['waited for, with dependents', { a: 'waiting' }, true, [], { do: 'delete', policy: 'Foreground' }],
    ['gone, with dependents', { a: 'absent' }, true, [], background],
    ['asks to orphan its own', { a: 'absent' }, true, ['orphan'], { do: 'delete', policy: 'Orphan' }],
    ['asks for foreground', { a: 'absent' }, true, ['foregroundDeletion'], { do: 'delete', policy: 'Foreground' }],
  ])('%s', (_why, states, hasDependents, finalizers, want) => {
    const n = node('n', Object.keys(states), { finalizers });
    expect(judge(n, new Map(Object.entries(states)), hasDependents)).toEqual(want);
  });

  test('an owner nobody has looked at keeps its dependent', () => {
    expect(judge(node('n', ['a']), new Map(), false)).toEqual({ do: 'keep' });
  });
});

describe('the graph', () => {
  const names = (nodes: GraphNode[]): string[] => nodes.map((n) => n.uid).sort();
  test('knows dependents before their owner, after it, and through changes', () => {
    const g = new OwnerGraph();
    g.set(node('child', ['a', 'b']));
    expect(names(g.dependents('a'))).toEqual(['child']);
    g.set(node('a'));
    g.delete('a');
    expect(names(g.dependents('a'))).toEqual(['child']);
    g.set(node('child', ['b']));
    expect([names(g.dependents('a')), names(g.dependents('b'))]).toEqual([[], ['child']]);
    g.delete('child');
    expect(names(g.dependents('b'))).toEqual([]);
  });
  test('keeps the newest version of an object whose owners did not change', () => {
    const g = new OwnerGraph();
    g.set(node('child', ['a']));
    g.set(node('child', ['a'], { resourceVersion: '2' }));
    expect(g.get('child')?.resourceVersion).toBe('2');
    expect(names(g.dependents('a'))).toEqual(['child']);
  });
});

test.each<[string, Record<string, string[]>, boolean]>([
  ['two that own each other', { a: ['b'], b: ['a'] }, true],
  ['three', { a: ['b'], b: ['c'], c: ['a'] }, true],
  ['one that owns itself', { a: ['a'] }, true],
  ['a chain', { a: ['b'], b: ['c'], c: [] }, false],
  ['others in a circle', { a: ['b'], b: ['c'], c: ['b'] }, false],
  ['one of them is not being deleted', { a: ['b'], b: ['a', 'alive'], alive: ['a'] }, true],
  ['only by one that is not being deleted', { a: ['alive'], alive: ['a'] }, false],
  ['only by one that does not block', { a: ['free'], free: ['a'] }, false],
])('whether its end waits for itself: %s', (_what, owners, want) => {
  const g = new OwnerGraph();
  for (const [uid, of] of Object.entries(owners)) {
    const refs = of.map((o) => ({ ...ref(o), blockOwnerDeletion: uid !== 'free' }));
    g.set(node(uid, [], { owners: refs, deleting: uid !== 'alive', finalizers: [FOREGROUND] }));
  }
  expect(waitsForItself(g.get('a') as GraphNode, g)).toBe(want);
});

test('an absence is remembered for the place that was looked at only, and not for ever', () => {
  const absent = new AbsentOwners();
  absent.add(ref('a'), 'ns');
  expect([absent.has(ref('a'), 'ns'), absent.has(ref('a'), 'other'), absent.has(ref('b'), 'ns')]).toEqual([
    true,
    false,
    false,
  ]);
  for (let i = 0; i < 1000; i++) absent.add(ref(`x${i}`), 'ns');
  expect(absent.has(ref('a'), 'ns')).toBe(false);
});
