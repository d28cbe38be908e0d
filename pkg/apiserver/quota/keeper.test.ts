import { expect, onTestFinished, test } from 'vitest';
import { type CustomResourceDefinition, ResourceQuotas } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { type Storage, StorageError, type StorageErrorKind } from '#storage/storage.ts';
import { RegistryCache } from '../cache/registry-cache.ts';
import { CustomServing } from '../crd/serving.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, ResourceTable } from '../registry/resource.ts';
import { QuotaKeeper } from './keeper.ts';

const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const definition = (strategy: string) =>
  ({
    metadata: { name: 'things.x.io', resourceVersion: '1' },
    spec: {
      ...{ group: 'x.io', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing' } },
      versions: [
        { name: 'v1', served: true, storage: true, schema },
        { name: 'v2', served: true, storage: false, schema },
      ],
      conversion: { strategy },
    },
  }) as unknown as Stored<CustomResourceDefinition>;

function setUp() {
  const storage = memoryStorage();
  const cache = new RegistryCache({ storage, clock: systemClock, logger: silentLogger });
  const resources = new ResourceTable();
  const kind = ResourceQuotas as never;
  const cached = { group: '', plural: 'resourcequotas', apiVersion: 'v1', kind: 'ResourceQuota' };
  resources.add(makeResource(kind, cache.resource(cached), encodingOf(kind)));
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const put = (key: string, o: object) => storage.create(`/registry/${key}`, Buffer.from(JSON.stringify(o)));
  const statusOf = async (name: string): Promise<unknown> => {
    const kv = await storage.get(`/registry/core/resourcequotas/ns/${name}`);
    return JSON.parse(kv?.value.toString() ?? '{}').status;
  };
  return { storage, cache, resources, stop, put, statusOf };
}

test('a quota that cannot be written keeps none of the others from being counted; without etcd nothing is tried', async () => {
  const { storage, cache, resources, stop, put, statusOf } = setUp();
  for (const name of ['a', 'b', 'c']) {
    await put(`core/resourcequotas/ns/${name}`, { metadata: { name, namespace: 'ns' }, spec: { hard: { pods: '5' } } });
  }
  await cache.start(stop.signal);
  let failure: StorageErrorKind = 'tooLarge';
  const tried: string[] = [];
  const update: Storage['update'] = async (key, ...rest) => {
    tried.push(key.slice(-1));
    if (key.endsWith('/b')) throw new StorageError(failure, 'no');
    return storage.update(key, ...rest);
  };
  const failing = { get: (key: string) => storage.get(key), update } as unknown as Storage;
  const keeper = new QuotaKeeper({ resources, storage: failing, clock: systemClock, logger: silentLogger });
  await keeper.repair();
  expect(tried).toEqual(['a', 'b', 'c']);
  expect([await statusOf('a'), await statusOf('b'), await statusOf('c')]).toEqual([
    { hard: { pods: '5' }, used: { pods: '0' } },
    undefined,
    { hard: { pods: '5' }, used: { pods: '0' } },
  ]);
  failure = 'unavailable';
  await expect(keeper.repair()).rejects.toThrow('no');
});

test.each(['None', 'Webhook'])('custom objects of two versions (conversion %s) count once each', async (strategy) => {
  const { storage, cache, resources, stop, put, statusOf } = setUp();
  const conversion = { clock: systemClock, resolve: () => ({ host: '', port: 0 }) };
  new CustomServing({ resources, cache, conversion }).serve(definition(strategy));
  for (const name of ['a', 'b']) {
    const thing = { kind: 'Thing', apiVersion: 'x.io/v1', metadata: { name, namespace: 'ns' } };
    await put(`x.io/things/ns/${name}`, thing);
  }
  await put('core/resourcequotas/ns/q', {
    metadata: { name: 'q', namespace: 'ns' },
    spec: { hard: { 'count/things.x.io': '5' } },
  });
  await cache.start(stop.signal);
  await new QuotaKeeper({ resources, storage, clock: systemClock, logger: silentLogger }).repair();
  expect(await statusOf('q')).toEqual({ hard: { 'count/things.x.io': '5' }, used: { 'count/things.x.io': '2' } });
});
