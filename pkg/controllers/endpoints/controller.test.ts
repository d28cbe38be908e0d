import { expect, test } from 'vitest';
import { EndpointsResource } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { service } from '../fixtures.ts';
import { endpointsController } from './controller.ts';

test('of a service that is gone, those Endpoints go that were there, and no later ones', async () => {
  const calls: unknown[] = [];
  const client = { delete: async (_kind: unknown, ...args: unknown[]) => calls.push(args) };
  const endpoints = { metadata: { namespace: 'ns', name: 'web', uid: 'e', resourceVersion: '7' } };
  const controller = endpointsController(fakeDeps({ Endpoints: [endpoints] }, client));
  await controller.reconcile('ns/web', new AbortController().signal);
  expect(calls).toEqual([['web', 'ns', { preconditions: { uid: 'e', resourceVersion: '7' } }]]);
});

test.each([
  [[], 'FailedToCreateEndpoint: Failed to create endpoint for service ns/svc'],
  [
    [{ metadata: { namespace: 'ns', name: 'svc', uid: 'e', resourceVersion: '7' }, subsets: [{}] }],
    'FailedToUpdateEndpoint: Failed to update endpoint ns/svc',
  ],
])('Endpoints that cannot be written are told of', async (Endpoints, expected) => {
  const refuse = () => Promise.reject(errors.forbidden(EndpointsResource, 'svc', 'no room'));
  const told: string[] = [];
  const deps = fakeDeps(
    { Service: [service({ ports: [{ port: 80 }] })], Endpoints },
    { create: refuse, update: refuse },
  );
  const controller = endpointsController({ ...deps, events: fakeEvents(told) });
  await expect(controller.reconcile('ns/svc', new AbortController().signal)).rejects.toThrow('no room');
  expect(told).toEqual([`svc Warning ${expected}: endpoints "svc" is forbidden: no room`]);
});
