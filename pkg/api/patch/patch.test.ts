import { type Operation as OracleOperation, applyPatch as oracle } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { topLevel } from '../kind.ts';
import { arr, f, int32, map, mapList, objectsIn, req, str } from '../schema/schema.ts';
import { jsonPatch, type Operation } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic-merge.ts';
import { threeWayStrategicPatch } from './three-way.ts';

const obj = objectsIn('t');
const C = obj('C', '', { name: req(1, str, ''), image: f(2, str, ''), args: f(3, arr(str), '') });
const Spec = obj('Spec', '', {
  replicas: f(1, int32, ''),
  containers: f(2, mapList(C, 'name'), ''),
  finalizers: f(3, arr(str, { listType: 'set', patchStrategy: 'merge' }), ''),
  strategy: f(4, obj('Strategy', '', { type: f(1, str, ''), rolling: f(2, map(str), '') }), '', {
    patchStrategy: 'retainKeys',
  }),
  selector: f(5, map(str), ''),
});
const Thing = topLevel('t', 'Thing', '', { spec: f(2, Spec, '') });

describe('JSON patch', () => {
  const doc = { a: 1, list: [1, 2, 3], o: { 'x/y': 1, '~': 2 } };
  test.each<[Operation[]]>([
    [[{ op: 'add', path: '/b', value: 2 }]],
    [[{ op: 'add', path: '/list/1', value: 9 }]],
    [[{ op: 'add', path: '/list/-', value: 9 }]],
    [[{ op: 'remove', path: '/list/0' }]],
    [[{ op: 'replace', path: '/o/x~1y', value: 5 }]],
    [[{ op: 'move', from: '/a', path: '/o/a' }]],
    [[{ op: 'copy', from: '/list', path: '/o/copy' }]],
    [
      [
        { op: 'test', path: '/o/~0', value: 2 },
        { op: 'remove', path: '/o' },
      ],
    ],
  ])('%j as the oracle', (ops) => {
    expect(jsonPatch(doc, ops)).toEqual(oracle(structuredClone(doc), ops as OracleOperation[]).newDocument);
  });
  // As the Go server answers, beside which these were tried.
  test.each<[Operation[], object]>([
    [[{ op: 'add', path: '/list/-1', value: 9 }], { list: [1, 2, 3, 9] }],
    [[{ op: 'add', path: '/list/-4', value: 9 }], { list: [9, 1, 2, 3] }],
    [[{ op: 'remove', path: '/list/-1' }], { list: [1, 2] }],
    [[{ op: 'replace', path: '/list/-3', value: 9 }], { list: [9, 2, 3] }],
    [[{ op: 'replace', path: '/list/+01', value: 9 }], { list: [1, 9, 3] }],
    [
      [
        { op: 'test', path: '/list/-1', value: 3 },
        { op: 'copy', from: '/list/-1', path: '/list/0' },
      ],
      { list: [3, 1, 2, 3] },
    ],
    [[{ op: 'move', from: '/list/0', path: '/list/-1' }], { list: [2, 3, 1] }],
    [[{ op: 'replace', path: '/none', value: 1 }], { none: 1 }],
    [[{ op: 'replace', path: '/o/none', value: 1 }], { o: { ...doc.o, none: 1 } }],
    [[{ op: 'copy', from: '/none', path: '/c' }], { c: null }],
    [
      [
        { op: 'add', path: '/c' },
        { op: 'test', path: '/c' },
      ],
      { c: null },
    ],
    [[{ op: 'test', path: '/none', value: null }], {}],
    [[{ op: 'test', path: '', value: doc }], {}],
    [[{ op: 'add', path: '/__proto__', value: 1 }], JSON.parse('{ "__proto__": 1 }') as object],
  ])('%j as Kubernetes', (ops, changed) => {
    const after = jsonPatch(doc, ops) as object;
    expect(Object.entries(after).sort()).toEqual([...Object.entries({ ...doc, ...changed })].sort());
  });
  test('a whole object is replaced by another one', () =>
    expect(jsonPatch(doc, [{ op: 'replace', path: '', value: { b: 1 } }])).toEqual({ b: 1 }));
  test.each<[Partial<Operation>]>([
    [{ op: 'remove', path: '/none' }],
    [{ op: 'test', path: '/a', value: 2 }],
    [{ op: 'test', path: '/a' }],
    [{ op: 'test', path: '/none', value: 1 }],
    [{ op: 'test', path: '/none/x', value: null }],
    [{ op: 'test', path: '/list/3', value: null }],
    [{ op: 'add', path: '/list/9', value: 1 }],
    [{ op: 'add', path: '/list/-5', value: 1 }],
    [{ op: 'remove', path: '/list/-4' }],
    [{ op: 'replace', path: '/list/-4', value: 1 }],
    [{ op: 'replace', path: '/list/-', value: 1 }],
    [{ op: 'add', path: '/list/1.0', value: 1 }],
    [{ op: 'add', path: '/list/', value: 1 }],
    [{ op: 'replace', path: '/none/x', value: 1 }],
    [{ op: 'replace', path: '/a/x', value: 1 }],
    [{ op: 'move', from: '/none', path: '/c' }],
    [{ op: 'move', from: '/o', path: '/o/a' }],
    [{ op: 'move', from: '', path: '/c' }],
    [{ op: 'copy', from: '', path: '/c' }],
    [{ op: 'copy', path: '/c' }],
    [{ op: 'add', path: '', value: {} }],
    [{ op: 'remove', path: '' }],
    [{ op: 'replace', path: '', value: 1 }],
    [{ op: 'add', value: 1 }],
    [{ op: 'spin', path: '/a' }],
    [{ path: '/a', value: 1 }],
  ])('%j is refused', (op) =>
    expect(() => jsonPatch(doc, [op as Operation])).toThrow('the server rejected our request'),
  );
});

test('merge patch', () => {
  expect(mergePatch({ a: 1, b: { c: 1, d: 2 }, l: [1] }, { a: null, b: { c: 3 }, l: [2, 3] })).toEqual({
    b: { c: 3, d: 2 },
    l: [2, 3],
  });
});

const live = {
  spec: {
    replicas: 1,
    containers: [
      { name: 'a', image: 'x', args: ['1'] },
      { name: 'b', image: 'y' },
    ],
    finalizers: ['p/q'],
    strategy: { type: 'Rolling', rolling: { m: '1' } },
  },
};

test.each<[string, object, object]>([
  [
    'an item by key',
    { spec: { containers: [{ name: 'b', image: 'z' }] } },
    { ...live.spec, containers: [live.spec.containers[0], { name: 'b', image: 'z' }] },
  ],
  [
    'a new item, which stands where the patch has it',
    { spec: { containers: [{ name: 'c' }] } },
    { ...live.spec, containers: [{ name: 'c' }, ...live.spec.containers] },
  ],
  [
    'items in the order of the patch',
    { spec: { containers: [{ name: 'b', image: 'z' }, { name: 'c' }, { name: 'a' }] } },
    { ...live.spec, containers: [{ name: 'b', image: 'z' }, { name: 'c' }, live.spec.containers[0]] },
  ],
  [
    'deleting an item',
    { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
    { ...live.spec, containers: [{ name: 'b', image: 'y' }] },
  ],
  [
    'replacing a list',
    { spec: { containers: [{ name: 'z' }, { $patch: 'replace' }] } },
    { ...live.spec, containers: [{ name: 'z' }] },
  ],
  [
    'atomic lists',
    { spec: { containers: [{ name: 'a', args: ['2'] }] } },
    { ...live.spec, containers: [{ name: 'a', image: 'x', args: ['2'] }, live.spec.containers[1]] },
  ],
  ['sets', { spec: { finalizers: ['r/s', 'p/q', 'r/s'] } }, { ...live.spec, finalizers: ['r/s', 'p/q'] }],
  [
    'deleting from a set',
    { spec: { '$deleteFromPrimitiveList/finalizers': ['p/q'] } },
    { ...live.spec, finalizers: [] },
  ],
  [
    'retainKeys',
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    { ...live.spec, strategy: { type: 'Recreate' } },
  ],
  [
    'retainKeys beside what it does not speak of',
    {
      spec: {
        $retainKeys: ['replicas'],
        replicas: 2,
        containers: null,
        '$setElementOrder/finalizers': ['p/q'],
        '$deleteFromPrimitiveList/finalizers': ['p/q'],
      },
    },
    { replicas: 2 },
  ],
  [
    'what is not there yet',
    { spec: { selector: { a: 'b', c: null, $retainKeys: [] } } },
    { ...live.spec, selector: { a: 'b' } },
  ],
  ['deleting what is not there', { spec: { selector: { $patch: 'delete', a: 'b' } } }, live.spec],
  [
    'null',
    { spec: { replicas: null } },
    { containers: live.spec.containers, finalizers: ['p/q'], strategy: live.spec.strategy },
  ],
  [
    'order',
    { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    { ...live.spec, containers: [live.spec.containers[1], live.spec.containers[0]] },
  ],
  [
    'order, and a new item in it',
    {
      spec: {
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'gone' }],
        containers: [{ name: 'c' }, { name: 'gone', $patch: 'delete' }],
      },
    },
    { ...live.spec, containers: [live.spec.containers[0], live.spec.containers[1], { name: 'c' }] },
  ],
])('strategic merge: %s', (_name, patch, want) => {
  expect((strategicMerge(Thing, live, patch) as typeof live).spec).toEqual(want);
});

test('items that a patch does not name stand before the first that they stood before', () => {
  const names = (list: string[]) => list.map((name) => ({ name }));
  const merged = (order: string[], patch: string[]): unknown => {
    const spec = { '$setElementOrder/containers': names(order), containers: names(patch) };
    const now = { spec: { containers: names(['a', 'b', 'c', 'd']) } };
    return (strategicMerge(Thing, now, { spec }) as typeof now).spec.containers.map((c) => c.name).join('');
  };
  expect(merged(['c', 'a'], [])).toBe('bcad');
  expect(merged(['d', 'x', 'a'], ['x'])).toBe('bcdxa');
  expect(merged(['a', 'x', 'd'], ['x', 'd'])).toBe('axbcd');
});

const [ORDER_B_A, C_A] = [[{ name: 'b' }, { name: 'a' }], { name: 'a', image: 'z' }];
test.each<[string, object, string]>([
  [
    'retainKeys without a key that is set',
    { strategy: { $retainKeys: ['type'], type: 'x', rolling: {} } },
    'retainKeys',
  ],
  ['retainKeys of what is no union', { $retainKeys: ['containers'], replicas: 2 }, 'retainKeys'],
  ['retainKeys of an item', { containers: [{ ...C_A, $retainKeys: ['name'] }] }, 'retainKeys'],
  ['retainKeys of a map', { selector: { $retainKeys: ['a'], b: '' } }, 'retainKeys'],
  ['retainKeys that are no list', { strategy: { $retainKeys: 'type', type: 'x' } }, 'retainKeys'],
  [
    'items in another order than asked for',
    { '$setElementOrder/containers': ORDER_B_A, containers: [C_A, { name: 'b' }] },
    'order in patch list',
  ],
  [
    'an item without a place',
    { '$setElementOrder/containers': ORDER_B_A, containers: [{ name: 'c' }] },
    'order in patch',
  ],
  [
    'the same of scalars',
    { '$setElementOrder/finalizers': ['r/s', 'p/q'], finalizers: ['p/q', 'r/s'] },
    'order in patch list',
  ],
  ['an order without keys', { '$setElementOrder/containers': [{ image: 'x' }] }, 'declared merge key: name'],
  ['an order that is no list', { '$setElementOrder/containers': null }, 'setElementOrder list'],
  ['items to delete that are no list', { '$deleteFromPrimitiveList/finalizers': null }, 'primitive list'],
  ['an unknown directive', { strategy: { $patch: 'spin' } }, 'Unknown patch type'],
])('strategic merge: %s is refused', (_name, spec, why) => {
  const there = { spec: { ...live.spec, selector: { a: '' } } };
  expect(() => strategicMerge(Thing, there, { spec })).toThrow(why);
});

test('a three-way patch removes what was applied before and leaves what others set', () => {
  const last = { spec: { replicas: 1, containers: [{ name: 'a', image: 'x' }, { name: 'old' }] } };
  const modified = { spec: { containers: [{ name: 'a', image: 'x2' }] } };
  const current = {
    spec: {
      replicas: 1,
      containers: [{ name: 'a', image: 'x', args: ['server'] }, { name: 'old' }, { name: 'injected' }],
    },
  };
  const patch = threeWayStrategicPatch(Thing, last, modified, current);
  expect(strategicMerge(Thing, current, patch)).toEqual({
    spec: { containers: [{ name: 'a', image: 'x2', args: ['server'] }, { name: 'injected' }] },
  });
});

test('a three-way patch drops what may not stand beside what is wanted, and what was taken out of a set', () => {
  const strategy = { type: 'Recreate' };
  const last = { spec: { finalizers: ['p/q', 'r/s'] } };
  const modified = { spec: { strategy, finalizers: ['p/q', 't/u'] } };
  const patch = threeWayStrategicPatch(Thing, last, modified, {
    spec: { ...live.spec, finalizers: ['p/q', 'r/s', 'of/others'] },
  });
  expect(patch).toEqual({
    spec: {
      strategy: { ...strategy, $retainKeys: ['type'] },
      '$setElementOrder/finalizers': ['p/q', 't/u'],
      '$deleteFromPrimitiveList/finalizers': ['r/s'],
      finalizers: ['t/u'],
    },
  });
  expect(strategicMerge(Thing, { spec: { ...live.spec, finalizers: ['p/q', 'r/s', 'of/others'] } }, patch)).toEqual({
    spec: { ...live.spec, strategy, finalizers: ['p/q', 't/u', 'of/others'] },
  });
});
