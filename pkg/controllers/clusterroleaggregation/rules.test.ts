import { expect, test } from 'vitest';
import type { ClusterRole } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { gatheredRules } from './controller.ts';

const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
const role = (
  name: string,
  labels: Record<string, string>,
  resources: string[],
  selects?: object[],
): Stored<ClusterRole> =>
  ({
    metadata: { name, labels },
    rules: resources.map(rule),
    ...(selects ? { aggregationRule: { clusterRoleSelectors: selects } } : {}),
  }) as unknown as Stored<ClusterRole>;

test('rules are gathered once each, in the order of selectors and names, never from the role itself', () => {
  const all = role(
    'all',
    { to: 'all', also: 'x' },
    ['old'],
    [{ matchLabels: { also: 'x' } }, { matchLabels: { to: 'all' } }],
  );
  const others = [
    role('b', { to: 'all' }, ['pods', 'nodes']),
    role('a', { to: 'all' }, ['nodes']),
    role('c', { also: 'x' }, ['maps']),
  ];
  expect(gatheredRules(all, [all, ...others, role('d', {}, ['secrets'])])).toEqual(['maps', 'nodes', 'pods'].map(rule));
});
