import { expect, test } from 'vitest';
import { CONTROLLERS, enabledControllers } from './registry.ts';

const all = Object.keys(CONTROLLERS);
test.each<[string, string[]]>([
  ['*', all],
  ['*,-pod-gc', all.filter((c) => c !== 'pod-gc')],
  ['deployment, replicaset', ['deployment', 'replicaset']],
  ['', []],
  ['-pod-gc', []],
])('%s', (list, want) => {
  expect(enabledControllers(list)).toEqual(want);
});

test.each(['*,-podgc', 'nosuch'])('%s names no controller', (list) => {
  expect(() => enabledControllers(list)).toThrow(/is not a controller; known are .*pod-gc/);
});
