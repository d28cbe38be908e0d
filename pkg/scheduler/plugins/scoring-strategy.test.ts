import { describe, expect, test } from 'vitest';
import { podRequests } from '#api/scheduling/pod-requests.ts';
import { makeNode, makePod, makeState, nodeOf } from '../fixtures.ts';
import type { ScoringStrategy } from './args.ts';
import { resourceScore, shapeAt } from './scoring-strategy.ts';

const GPU = 'example.org/gpu';
const room = { status: { allocatable: { cpu: '4', memory: '4Gi', pods: '110', [GPU]: '4' } } };
const asking = (name: string, requests: Record<string, string>) =>
  makePod(name, { spec: { containers: [{ resources: { requests } }] } });
const cpu = [{ name: 'cpu', weight: 1 }];
const shape = [
  { utilization: 0, score: 0 },
  { utilization: 50, score: 10 },
  { utilization: 100, score: 5 },
];

test.each([
  [0, 0],
  [25, 50],
  [50, 100],
  [75, 75],
  [100, 50],
])('the shape at %i percent', (percent, score) => {
  expect(shapeAt(shape, percent)).toBe(score);
});

test('outside its points a shape is flat', () => {
  const middle = [
    { utilization: 20, score: 2 },
    { utilization: 80, score: 8 },
  ];
  expect([shapeAt(middle, 10), shapeAt(middle, 90)]).toEqual([20, 80]);
});

describe('a node of 4 cpu and 4 gpu, of which a pod has 1 each', () => {
  const state = makeState([makeNode('a', {}, room)], { a: [asking('q', { cpu: '1', memory: '0', [GPU]: '1' })] });
  test.each<[string, ScoringStrategy, Record<string, string>, number]>([
    ['what is free', { type: 'LeastAllocated', resources: cpu }, { cpu: '1' }, 50],
    ['what is taken', { type: 'MostAllocated', resources: cpu }, { cpu: '2' }, 75],
    ['more than there is', { type: 'LeastAllocated', resources: cpu }, { cpu: '5' }, 0],
    ['as much as can be', { type: 'MostAllocated', resources: cpu }, { cpu: '5' }, 100],
    ['by a shape', { type: 'RequestedToCapacityRatio', resources: cpu, shape }, { cpu: '1' }, 100],
    ['containers that ask for nothing count a little', { type: 'MostAllocated', resources: cpu }, {}, 27.5],
    [
      'weights',
      { type: 'MostAllocated', resources: [...cpu, { name: GPU, weight: 3 }] },
      { cpu: '1', [GPU]: '3' },
      (50 + 3 * 100) / 4,
    ],
    [
      'resources that the pod does not want',
      { type: 'MostAllocated', resources: [...cpu, { name: GPU, weight: 3 }] },
      { cpu: '1' },
      50,
    ],
    [
      'resources that the node does not have',
      { type: 'MostAllocated', resources: [...cpu, { name: 'x/y', weight: 3 }] },
      { cpu: '1', 'x/y': '1' },
      50,
    ],
  ])('%s', (_, strategy, requests, expected) => {
    expect(resourceScore(strategy, podRequests(asking('p', requests)))(nodeOf(state, 'a'))).toBeCloseTo(expected);
  });
});
