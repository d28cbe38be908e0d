import { expect, test } from 'vitest';
import type { Ingress, Node } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import type { Problem } from './rules/types.ts';
import { addressesOf, entryPoints, Reporter } from './status.ts';

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

test('an Ingress whose status is refused keeps nobody waiting', async () => {
  const written: string[] = [];
  const client = {
    updateStatus: async (_: unknown, { metadata: { name } }: Stored<Ingress>) => {
      if (name === 'bad') throw new Error('denied by a webhook');
      written.push(name);
    },
  } as unknown as Client;
  const ingress = (name: string) => ({ metadata: { name, namespace: 'ns', uid: name } }) as Stored<Ingress>;
  const reporter = new Reporter({ client, events: { event: () => {}, flush: async () => {} } });
  const o = { own: ['10.0.0.1'], nodes: { list: () => [] }, problems: new Map() };
  await expect(reporter.all([ingress('bad'), ingress('good')], o)).rejects.toThrow('denied by a webhook');
  expect(written).toEqual(['good']);
});

test('each problem is an event of the instance whose address comes first, told once', () => {
  const events: string[] = [];
  const event = (_about: unknown, type: string, reason: string): void => void events.push(`${type} ${reason}`);
  const reporter = new Reporter({ client: {} as Client, events: { event, flush: async () => {} } });
  const shown = (...ips: string[]) =>
    ({
      metadata: { name: 'i', namespace: 'ns', uid: 'i' },
      status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
    }) as Stored<Ingress>;
  const taken: Problem = { reason: 'Conflict', message: 'taken' };
  const missing: Problem = { reason: 'ServiceNotFound', message: 'missing' };
  const tell = (ingress: Stored<Ingress>, ...problems: Problem[]): string[] => {
    reporter.problems(ingress, problems, ['10.0.0.2']);
    return events.splice(0);
  };
  expect(tell(shown('10.0.0.1', '10.0.0.2'), taken)).toEqual([]);
  const ours = shown('10.0.0.2', '10.0.0.3');
  expect(tell(ours, taken)).toEqual(['Warning Conflict']);
  expect(tell(ours, taken, missing)).toEqual(['Warning ServiceNotFound']);
  expect(tell(ours, taken, missing)).toEqual([]);
  expect(tell(ours)).toEqual([]);
  expect(tell(ours, taken)).toEqual(['Warning Conflict']);
});
