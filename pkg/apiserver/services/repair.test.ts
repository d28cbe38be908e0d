import { beforeEach, expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { IPAddresses } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import type { Storage } from '#storage/storage.ts';
import { encodingOf } from '../registry/encoding.ts';
import { type ResourceTable, storagePrefix } from '../registry/resource.ts';
import { ServiceAllocator } from './allocator.ts';
import { addressLedger } from './ledgers.ts';

const IPS = '/registry/networking.k8s.io/ipaddresses/';
const PORTS = '/registry/ranges/servicenodeports/';
const PREFIX = '/registry/core/services/';

let storage: Storage;
let services: KubeObject[];
let allocator: ServiceAllocator;
beforeEach(() => {
  storage = memoryStorage();
  services = [];
  const cache = { list: () => services.map((object) => ({ object })) };
  const resource = (kind: Kind) => ({ prefix: storagePrefix(kind), encoding: encodingOf(kind), cache });
  const table = { of: resource } as unknown as ResourceTable;
  allocator = new ServiceAllocator(storage, table, {
    clock: systemClock,
    serviceCidrs: ['10.96.0.0/24', 'fd00:10:96::/112'],
    nodePorts: { first: 30_000, count: 100 },
  });
});

const keys = async (): Promise<string[]> =>
  [...(await storage.list(IPS)).items, ...(await storage.list(PORTS)).items].map((kv) =>
    kv.key.replace(/^.*\/(?=\w+\/)/, ''),
  );
const address = (ip: string, owner: string): Promise<number> =>
  storage.create(
    IPS + ip,
    addressLedger({ prefix: IPS, encoding: encodingOf(IPAddresses as never) }, () => 0).encode(ip, owner),
  );
async function store(name: string, spec: object): Promise<void> {
  services.push({ metadata: { namespace: 'ns', name }, spec } as KubeObject);
  await storage.put(`${PREFIX}ns/${name}`, Buffer.from('x'));
}

test('what is used stays, what is missing is made, what nobody uses goes at the second look', async () => {
  await store('web', {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'FD00:10:96::7'],
    ports: [{ port: 80, nodePort: 30_007 }],
    healthCheckNodePort: 30_008,
  });
  await store('headless', { clusterIP: 'None' });
  await address('10.96.0.7', 'ns/web');
  // Of a Service that is there but does not use it any more, and of one that is gone.
  await storage.create(`${PORTS}30050`, Buffer.from('ns/web'));
  await address('10.96.0.99', 'ns/gone');

  expect(await allocator.repair()).toBe(3);
  const used = [
    'ipaddresses/10.96.0.7',
    'ipaddresses/fd00:10:96::7',
    'servicenodeports/30007',
    'servicenodeports/30008',
  ];
  expect(await keys()).toEqual(expect.arrayContaining([...used, 'servicenodeports/30050', 'ipaddresses/10.96.0.99']));
  expect(await allocator.repair()).toBe(2);
  expect((await keys()).sort()).toEqual(used);
  expect(await allocator.repair()).toBe(0);
});

test('a key that a write took over in between is not removed', async () => {
  await storage.create(`${PORTS}30050`, Buffer.from('ns/a'));
  await allocator.repair();
  await storage.put(`${PORTS}30050`, Buffer.from('ns/b'));
  expect(await allocator.repair()).toBe(0);
  expect(await keys()).toEqual(['servicenodeports/30050']);
});

test('a Service that the cache still shows but that is gone gets nothing', async () => {
  services.push({ metadata: { namespace: 'ns', name: 'gone' }, spec: { clusterIP: '10.96.0.7' } } as KubeObject);
  expect(await allocator.repair()).toBe(0);
});
