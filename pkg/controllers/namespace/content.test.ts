import { expect, test } from 'vitest';
import type { Client } from '#client/types.ts';
import { namespacedResources } from './content.ts';

const verbs = ['list', 'delete'];
const resource = (name: string, more: object = {}) => ({ name, namespaced: true, verbs, ...more });
const served: Record<string, object> = {
  '/apis': {
    groups: [
      {
        preferredVersion: { groupVersion: 'gates.example/v1' },
        versions: [{ groupVersion: 'gates.example/v1' }, { groupVersion: 'gates.example/v1alpha1' }],
      },
      { preferredVersion: { groupVersion: 'lost.example/v1' }, versions: [{ groupVersion: 'lost.example/v1' }] },
    ],
  },
  '/api/v1': {
    resources: [
      resource('pods'),
      resource('pods/log'),
      resource('nodes', { namespaced: false }),
      resource('bindings', { verbs: [] }),
    ],
  },
  '/apis/gates.example/v1': { resources: [resource('gates')] },
  '/apis/gates.example/v1alpha1': { resources: [resource('gates'), resource('routes')] },
};

test('resources that their group serves in another version than it prefers are found too, each once', async () => {
  const raw = async (_method: string, path: string) => served[path] ?? Promise.reject(new Error('away'));
  const answer = await namespacedResources({ raw } as unknown as Client, new AbortController().signal);
  expect(answer.found.map((r) => `${r.groupVersion} ${r.plural}`)).toEqual([
    'v1 pods',
    'gates.example/v1 gates',
    'gates.example/v1alpha1 routes',
  ]);
  expect(answer.failed).toEqual(['lost.example/v1: away']);
});
