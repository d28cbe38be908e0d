import { expect, test } from 'vitest';
import { amountsOf, podRequests } from '#api/scheduling/pod-requests.ts';
import { makePod } from '../fixtures.ts';
import { Supplies, scoredUses } from './supplies.ts';

const GPU = 'example.org/gpu';
const MIB = 2 ** 20;
const asking = (requests: Record<string, string>) =>
  podRequests(makePod('p', { spec: { containers: [{ resources: { requests } }] } }));

test('pods come and go, also those that ask for nothing', () => {
  const supplies = new Supplies();
  supplies.setCapacities(amountsOf({ cpu: '4', memory: '1Gi', [GPU]: '2' }));
  const [modest, greedy] = [asking({}), asking({ cpu: '1', memory: '10Mi', [GPU]: '1' })];
  supplies.count(modest, 1);
  supplies.count(greedy, 1);
  expect(supplies.of('cpu')).toEqual({ capacity: 4000, requested: 1000, scored: 1100 });
  expect(supplies.of('memory')).toEqual({ capacity: 1024 * MIB, requested: 10 * MIB, scored: 210 * MIB });
  expect(supplies.of(GPU)).toEqual({ capacity: 2, requested: 1, scored: 1 });
  supplies.count(modest, -1);
  supplies.count(greedy, -1);
  for (const name of ['cpu', 'memory', GPU]) expect(supplies.of(name)).toMatchObject({ requested: 0, scored: 0 });
});

test('a resource that the node no longer has is not there, however much is asked of it', () => {
  const supplies = new Supplies();
  supplies.setCapacities(amountsOf({ cpu: '4', [GPU]: '2' }));
  supplies.count(asking({ [GPU]: '1' }), 1);
  supplies.setCapacities(amountsOf({ memory: '1Mi' }));
  expect([supplies.of('cpu').capacity, supplies.of('memory').capacity]).toEqual([0, MIB]);
  expect(supplies.of(GPU)).toEqual({ capacity: 0, requested: 1, scored: 1 });
  expect(supplies.of('x/y')).toEqual({ capacity: 0, requested: 0, scored: 0 });
});

test('of what a pod does not ask for, only cpu and memory count in scores', () => {
  const resources = [{ name: 'cpu', weight: 1 }, { name: GPU, weight: 3 }, { name: 'memory' }];
  expect(scoredUses(asking({ memory: '1Mi' }), resources)).toEqual([
    { name: 'cpu', weight: 1, mine: 100 },
    { name: 'memory', mine: MIB },
  ]);
  expect(scoredUses(asking({ [GPU]: '1' }), resources).map((r) => r.mine)).toEqual([100, 1, 200 * MIB]);
});
