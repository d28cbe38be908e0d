import { expect, test } from 'vitest';
import { builtinDiscovery } from './api/builtin-discovery.ts';
import { type ApiResource, Discovery } from './api/discovery.ts';
import { parseTargets } from './targets.ts';

const discovery = builtinDiscovery(() => {
  throw new Error('asked');
});

/** Some servers say no singular name. */
const nameless: ApiResource = {
  group: 'metrics.k8s.io',
  version: 'v1',
  plural: 'nodes',
  singular: '',
  kind: 'NodeMetrics',
  namespaced: false,
  shortNames: [],
  categories: [],
  verbs: ['list'],
};

test.each<[string[], RegExp]>([
  [['pods', ''], /^resource name may not be empty$/],
  [['pods', 'a', ''], /^resource name may not be empty$/],
  [['pods/'], /^"pods\/" must be TYPE\/NAME/],
  [['/a'], /^"\/a" must be TYPE\/NAME/],
  [['pods/a/b'], /^"pods\/a\/b" must be TYPE\/NAME/],
  [['pods/a', 'b'], /^"b" must be TYPE\/NAME/],
  [[''], /^say what: /],
])('%j is refused', async (args, wanted) => {
  await expect(parseTargets(args, discovery)).rejects.toThrow(wanted);
});

test('a type that is named twice is looked at once', async () => {
  expect(await parseTargets(['pods,po,pod'], discovery)).toHaveLength(1);
});

test('no name means no type, not even one without a singular name', async () => {
  const all = new Discovery([nameless]);
  await expect(parseTargets(['nodes,'], all)).rejects.toThrow(/doesn't have a resource type ""/);
  expect(await parseTargets(['nodes'], all)).toEqual([{ resource: nameless }]);
});
