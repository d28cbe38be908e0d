import { expect, test } from 'vitest';
import { NOW, type PodSketch, pod } from '../fixtures.ts';
import { countByNode, deletionOrder } from './ranking.ts';

const first = { name: 'z-first' };
const second = { name: 'a-second' };
const running: PodSketch = { node: 'n', ready: 100, age: 1000 };

// The names sort the other way round, so that only the stated reason can decide.
test.each<[string, PodSketch, PodSketch]>([
  ['unscheduled before scheduled', { ...running, node: '' }, running],
  ['pending before running', { ...running, phase: 'Pending' }, running],
  ['pending before unknown', { ...running, phase: 'Pending' }, { ...running, phase: 'Unknown' }],
  ['unknown before running', { ...running, phase: 'Unknown' }, running],
  ['not ready before ready', { node: 'n', age: 1000 }, running],
  ['lower deletion cost', { ...running, cost: '-5' }, running],
  ['a cost that is no number counts as 0', running, { ...running, cost: '1' }],
  ['an unscheduled one whatever its cost', { ...running, node: '', cost: '100' }, running],
  ['on the fuller node', { ...running, node: 'full' }, running],
  ['cost is stronger than fullness', { ...running, cost: '-1' }, { ...running, node: 'full' }],
  ['ready for a shorter time', { ...running, ready: 10 }, running],
  ['more restarts', { ...running, restarts: 2 }, { ...running, restarts: 1 }],
  ['younger', { ...running, age: 101 }, running],
])('%s', (_why, a, b) => {
  const perNode = new Map([
    ['full', 3],
    ['n', 1],
  ]);
  const pods = [pod({ ...b, ...second }), pod({ ...a, ...first })];
  expect(deletionOrder(pods, perNode, NOW).map((p) => p.metadata.name)).toEqual(['z-first', 'a-second']);
});

test('an invalid cost is ignored', () => {
  const pods = [pod({ ...running, name: 'a' }), pod({ ...running, name: 'b', cost: '-007' })];
  expect(deletionOrder(pods, new Map(), NOW).map((p) => p.metadata.name)).toEqual(['a', 'b']);
});

test('ages of the same magnitude do not decide', () => {
  const pods = [pod({ ...running, name: 'b', age: 1000 }), pod({ ...running, name: 'a', age: 1010 })];
  expect(deletionOrder(pods, new Map(), NOW).map((p) => p.metadata.name)).toEqual(['a', 'b']);
});

test('pods are counted by node', () => {
  const counts = countByNode([pod({ node: 'a' }), pod({ node: 'a' }), pod({ node: 'b' }), pod()]);
  expect([...counts]).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
});
