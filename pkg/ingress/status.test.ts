import { expect, test } from 'vitest';
import type { Ingress, Node } from '#api/kinds/index.ts';
import { addressesOf, entryPoints } from './status.ts';

const node = (addresses: Record<string, string>, ready = true): Node =>
  ({
    metadata: {},
    status: {
      addresses: Object.entries(addresses).map(([type, address]) => ({ type, address })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }],
    },
  }) as Node;
const NODES = [
  node({ InternalIP: '10.0.0.1' }),
  node({ InternalIP: '10.0.0.2' }),
  node({ InternalIP: '10.0.0.3' }, false),
  node({ InternalIP: '10.0.0.4', ExternalIP: '192.0.2.4' }),
];

test.each<[string, string[], string[]]>([
  ['nothing yet', [], ['10.0.0.1']],
  ['others are kept, in order', ['192.0.2.4', '10.0.0.2'], ['10.0.0.1', '10.0.0.2', '192.0.2.4']],
  ['those of nodes that are gone or not ready are not', ['10.0.0.3', '10.0.0.9', '10.0.0.1'], ['10.0.0.1']],
])('%s', (_, before, after) => {
  const status = { loadBalancer: { ingress: before.map((ip) => ({ ip })) } } as Ingress['status'];
  expect(entryPoints(status, ['10.0.0.1'], NODES).map((i) => i.ip)).toEqual(after);
});

test('a node of both families is reached by both', () => {
  const dual: Node = {
    metadata: {},
    status: {
      addresses: [
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'InternalIP', address: 'fd00::1' },
        { type: 'ExternalIP', address: '2001:db8::1' },
      ],
    },
  } as Node;
  expect(addressesOf(dual)).toEqual(['10.0.0.1', '2001:db8::1']);
  expect(entryPoints(undefined, addressesOf(dual), [])).toEqual([{ ip: '10.0.0.1' }, { ip: '2001:db8::1' }]);
});
