import { expect, test } from 'vitest';
import { fakeDeps } from '../fake-deps.ts';
import { endpointsController } from './controller.ts';

test('of a service that is gone, those Endpoints go that were there, and no later ones', async () => {
  const calls: unknown[] = [];
  const client = { delete: async (_kind: unknown, ...args: unknown[]) => calls.push(args) };
  const endpoints = { metadata: { namespace: 'ns', name: 'web', uid: 'e', resourceVersion: '7' } };
  const controller = endpointsController(fakeDeps({ Endpoints: [endpoints] }, client));
  await controller.reconcile('ns/web', new AbortController().signal);
  expect(calls).toEqual([['web', 'ns', { preconditions: { uid: 'e', resourceVersion: '7' } }]]);
});
