import { expect, test } from 'vitest';
import type { Endpoints, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { service } from '../fixtures.ts';
import { isMirrored, mirrored, mirroredLabels } from './mirror.ts';

const endpoints = (
  subsets: object[],
  labels: Record<string, string> = {},
  annotations: object = {},
): Stored<Endpoints> =>
  ({ metadata: { name: 'e', namespace: 'ns', labels, annotations }, subsets }) as unknown as Stored<Endpoints>;
const bare = service({});
delete (bare.spec as { selector?: unknown }).selector;

test.each<[string, Stored<Endpoints>, Service | undefined, boolean]>([
  ['by hand', endpoints([]), bare, true],
  ['without a service', endpoints([]), undefined, false],
  ['with a selector', endpoints([]), service({}), false],
  ['skipped', endpoints([], { 'endpointslice.kubernetes.io/skip-mirror': 'true' }), bare, false],
  ['a lock', endpoints([], {}, { 'control-plane.alpha.kubernetes.io/leader': '{}' }), bare, false],
  ['kept by a controller', endpoints([], { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' }), bare, false],
])('mirrored: %s', (_, e, s, want) => {
  expect(isMirrored(e, s)).toBe(want);
});

test('subsets become groups, ready or not, apart by family', () => {
  const ports = [{ name: 'web', port: 80, protocol: 'TCP' }];
  const found = mirrored(
    endpoints([
      {
        addresses: [{ ip: '192.0.2.1', hostname: 'h' }, { ip: 'fd00::1' }],
        notReadyAddresses: [{ ip: '192.0.2.2' }],
        ports,
      },
      { addresses: [{ ip: 'fd00::2' }], ports: [{ port: 81 }] },
    ]),
  );
  expect(found).toEqual([
    {
      addressType: 'IPv4',
      groups: [
        {
          ports,
          endpoints: [
            { addresses: ['192.0.2.1'], conditions: { ready: true }, hostname: 'h' },
            { addresses: ['192.0.2.2'], conditions: { ready: false } },
          ],
        },
      ],
    },
    {
      addressType: 'IPv6',
      groups: [
        { ports, endpoints: [{ addresses: ['fd00::1'], conditions: { ready: true } }] },
        {
          ports: [{ name: '', port: 81, protocol: 'TCP' }],
          endpoints: [{ addresses: ['fd00::2'], conditions: { ready: true } }],
        },
      ],
    },
  ]);
  expect(mirrored(endpoints([{ addresses: [{ ip: 'fd00::2' }] }])).map((w) => w.addressType)).toEqual(['IPv6']);
  expect(mirrored(endpoints([]))).toEqual([{ addressType: 'IPv4', groups: [] }]);
  expect(mirroredLabels(endpoints([], { a: 'b', 'endpointslice.kubernetes.io/skip-mirror': 'false' }))).toEqual({
    a: 'b',
  });
});
