import { expect, test } from 'vitest';
import type { EndpointSlice } from '#api/kinds/index.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { endpointSliceMirroring } from './controller.ts';

test.each([
  [1000, []],
  [
    1003,
    [
      'db Warning TooManyAddressesToMirror: A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped',
    ],
  ],
])('of %i addresses 1000 are mirrored, and the others are told of: %j', async (count, expected) => {
  const metadata = { namespace: 'ns', name: 'db', uid: 'db', resourceVersion: '1' };
  const addresses = Array.from({ length: count }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
  const mirrored: number[] = [];
  const client = {
    create: async (_kind: unknown, s: EndpointSlice) => {
      mirrored.push(s.endpoints?.length ?? 0);
      return { ...s, metadata: { ...s.metadata, uid: `${mirrored.length}`, resourceVersion: '2' } };
    },
  };
  const told: string[] = [];
  const known = { Endpoints: [{ metadata, subsets: [{ addresses, ports: [{ port: 1 }] }] }], Service: [{ metadata }] };
  const controller = endpointSliceMirroring({ ...fakeDeps(known, client), events: fakeEvents(told) });
  await controller.reconcile('ns/db', new AbortController().signal);
  expect([mirrored.reduce((a, b) => a + b, 0), told]).toEqual([1000, expected]);
});
