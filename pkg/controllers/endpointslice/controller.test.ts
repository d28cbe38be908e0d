import { expect, test } from 'vitest';
import { type EndpointSlice, EndpointSlices } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { pod, service } from '../fixtures.ts';
import { endpointSliceController } from './controller.ts';

test('a service that was made anew does not take over the slices of the one before, which are about to be removed', async () => {
  const now = service({ ports: [{ port: 80 }] });
  const before = {
    metadata: {
      ...{ namespace: 'ns', name: 'svc-old', uid: 'old-slice', resourceVersion: '1' },
      labels: {
        'kubernetes.io/service-name': 'svc',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'svc', uid: 'old', controller: true }],
    },
    addressType: 'IPv4',
    ports: [],
    endpoints: [],
  };
  const calls: unknown[] = [];
  const client = {
    create: async (_kind: unknown, s: EndpointSlice) => {
      calls.push(s.metadata?.ownerReferences?.[0]?.uid);
      return { ...s, metadata: { ...s.metadata, uid: 'new-slice', resourceVersion: '2' } };
    },
    update: async (_kind: unknown, s: EndpointSlice) => {
      calls.push('updated');
      return s;
    },
    delete: async (_kind: unknown, name: string) => calls.push(name),
  };
  const pods = [pod({ ip: '10.0.0.1', labels: { app: 'a' }, ready: 1 })];
  const controller = endpointSliceController(
    fakeDeps({ Service: [now], Pod: pods, EndpointSlice: [before], Node: [] }, client),
  );
  await controller.reconcile('ns/svc', new AbortController().signal);
  expect(calls).toEqual([now.metadata.uid, 'svc-old']);
});

test('slices that cannot be written are told of at their service', async () => {
  const client = { create: () => Promise.reject(errors.forbidden(EndpointSlices, 'svc-', 'no room')) };
  const told: string[] = [];
  const known = { Service: [service({ ports: [{ port: 80 }] })], Pod: [pod({ ip: '10.0.0.1', labels: { app: 'a' } })] };
  const controller = endpointSliceController({ ...fakeDeps(known, client), events: fakeEvents(told) });
  await expect(controller.reconcile('ns/svc', new AbortController().signal)).rejects.toThrow('no room');
  expect(told).toEqual([
    'svc Warning FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service ns/svc: ' +
      'endpointslices.discovery.k8s.io "svc-" is forbidden: no room',
  ]);
});
