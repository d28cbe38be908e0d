import { expect, test } from 'vitest';
import { terminationConditions } from './conditions.ts';

const nothing = { remaining: [], discoveryFailures: [], deletionFailures: [] };
const by = (list: ReturnType<typeof terminationConditions>) => Object.fromEntries(list.map((c) => [c.type, c]));

test('says what remains, how much, and who holds it', () => {
  const c = by(
    terminationConditions(
      [],
      {
        ...nothing,
        remaining: [
          { resource: 'pods', count: 2, finalizers: new Map([['a/b', 1]]) },
          { resource: 'widgets.example.com', count: 1, finalizers: new Map([['a/b', 1]]) },
        ],
        deletionFailures: ['secrets: forbidden'],
      },
      'now',
    ),
  );
  expect(c.NamespaceContentRemaining).toMatchObject({
    status: 'True',
    reason: 'SomeResourcesRemain',
    message:
      'Some resources are remaining: pods has 2 resource instances, widgets.example.com has 1 resource instances',
  });
  expect(c.NamespaceFinalizersRemaining).toMatchObject({
    status: 'True',
    message: expect.stringContaining('a/b in 2 resource instances'),
  });
  expect(c.NamespaceDeletionContentFailure).toMatchObject({
    status: 'True',
    message: expect.stringContaining('secrets: forbidden'),
  });
  expect(c.NamespaceDeletionDiscoveryFailure).toMatchObject({ status: 'False', reason: 'ResourcesDiscovered' });
});

test('times move only when the status does', () => {
  const before = terminationConditions([], nothing, 'then');
  expect(terminationConditions(before, nothing, 'now')).toEqual(before);
  const after = by(terminationConditions(before, { ...nothing, discoveryFailures: ['x/v1: 503'] }, 'now'));
  expect(after.NamespaceDeletionDiscoveryFailure?.lastTransitionTime).toBe('now');
  expect(after.NamespaceContentRemaining?.lastTransitionTime).toBe('then');
});
